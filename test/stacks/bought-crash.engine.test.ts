import test, { type ExecutionContext } from 'ava'
import { BuyingService, type HostAnswer } from './buying.ts'

const WANTED = { kind: 'hcloud', name: 'crash-1', serverType: 'cx23', location: 'fsn1', volumeGb: 10 }
/** One of each. */
const WHOLE = { firewalls: 1, primary_ips: 2, servers: 1, ssh_keys: 1, volumes: 1 }

let buying: BuyingService
let host: HostAnswer

test.before(async () => {
  buying = await BuyingService.shared()
})
test.after.always(async () => {
  await buying?.remove()
})

const held = (): Record<string, number> =>
  Object.fromEntries(Object.entries(buying.emulator.holdings()).map(([kind, names]) => [kind, names.length]))

/** The worker dies at each of these points while an operation goes on, and the operation ends well all the same. */
async function surviving(
  t: ExecutionContext,
  points: readonly string[],
  ask: () => Promise<{ status: number; body: HostAnswer }>,
): Promise<HostAnswer> {
  const { running } = buying.managed
  for (const point of points) running.dieAt(point)
  const { status, body } = await ask()
  // 204: it ended well while it was waited for.
  const operation = status === 204 ? undefined : await buying.ended(body.operation.id)
  if (operation) t.is(operation.state, 'succeeded', JSON.stringify(operation.error))
  for (const point of points) t.true(await running.died(point), point)
  return body
}

test.serial('a worker that dies at every step of a purchase buys one of each', async (t) => {
  const points = ['check', 'engine', 'bought', 'buy', 'boot', 'configure', 'taken-over', 'edge']
  host = await surviving(
    t,
    points.map((point) => `buy-host:${point}`),
    () => buying.request('POST', '/hosts', WANTED),
  )
  t.deepEqual(held(), WHOLE)
  const { body } = await buying.request('GET', `/hosts/${host.id}`)
  t.is(body.status, 'ready')
  const { code, output } = await buying.managed.pulumi('preview', '--stack', 'crash-1', '--expect-no-changes')
  t.is(code, 0, output)
})

test.serial('one that dies at every step of a resize leaves the wanted size', async (t) => {
  const points = ['check', 'engine', 'resized', 'resize', 'configure']
  await surviving(
    t,
    points.map((point) => `resize-host:${point}`),
    () => buying.request('PATCH', `/hosts/${host.id}`, { serverType: 'cx33' }),
  )
  t.deepEqual(held(), WHOLE)
  const { servers } = await buying.ask<{ servers: { server_type: { name: string } }[] }>('/servers')
  t.is(servers[0]?.server_type.name, 'cx33')
})

test.serial('one that dies at every step of giving back leaves nothing to pay for', async (t) => {
  await surviving(t, ['give-back-host:engine', 'give-back-host:given-back'], () =>
    buying.request('DELETE', `/hosts/${host.id}?confirm=crash-1`),
  )
  t.deepEqual(held(), {})
  t.is((await buying.request('GET', `/hosts/${host.id}`)).body.code, 'HOST_NOT_FOUND')
})
