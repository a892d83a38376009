import { spawnSync } from 'node:child_process'
import test from 'ava'
import { HetznerEmulator } from '../hetzner/emulator.ts'
import type { Answer } from '../host/service.ts'
import { loginAnswer } from '../host/session.ts'
import { until } from '../host/until.ts'
import { BuyingService, type HostAnswer } from './buying.ts'

const WANTED = { kind: 'hcloud', name: 'fsn-1', serverType: 'cx23', location: 'fsn1', volumeGb: 10 }
const GIB = 1024 ** 3

let buying: BuyingService
let host: HostAnswer
let shop: Answer & { caCertificate: string; connectionString: string }

test.before(async () => {
  buying = await BuyingService.shared()
})
test.after.always(async () => {
  await buying?.remove()
})

test.serial('a preview says what would be bought and what it costs, and buys nothing', async (t) => {
  const { status, body } = await buying.request('POST', '/hosts?preview=true', WANTED)
  t.is(status, 200, JSON.stringify(body))
  const { changes, resources, price } = (body.operation.result ?? {}) as {
    changes: object
    resources: { operation: string; name: string }[]
    price: { net: string; currency: string; items: { what: string }[] }
  }
  t.deepEqual(changes, { create: 9 })
  t.deepEqual(
    resources.find(({ name }) => name === 'fsn-1-server'),
    { operation: 'create', type: 'hcloud:index/server:Server', name: 'fsn-1-server' } as never,
  )
  // 3.99 for the machine, 0.50 for its IPv4 address, 0.044 for each of 10 GB.
  t.like(price, { currency: 'EUR', net: '4.9300' })
  t.deepEqual(buying.emulator.holdings(), {})
})

test.serial('what the provider does not have is refused by field, before anything is bought', async (t) => {
  const { status, body } = await buying.request('POST', '/hosts', { ...WANTED, serverType: 'cx99' })
  t.is(status, 400)
  t.deepEqual(
    body.errors?.map(({ field }) => field),
    ['/serverType'],
  )
  t.regex(body.detail ?? '', /cx23/)
  t.deepEqual(buying.emulator.holdings(), {})
  t.is((await buying.request('GET', `/hosts/${body.operation.id.replace('op_', 'host_')}`)).status, 404)
})

test.serial('a purchase that fails half-way is given back, and its name is free again', async (t) => {
  buying.emulator.fail({
    method: 'POST',
    path: /^\/servers$/,
    with: { soldOut: { location: 'fsn1' } },
    times: 99,
  })
  const { status, body } = await buying.request('POST', '/hosts', WANTED)
  t.is(status, 502)
  t.is(body.code, 'STACK_ERROR')
  t.regex(body.detail ?? '', /fsn1|capacity|location/i)
  buying.emulator.resetFaults()
  t.deepEqual(buying.emulator.holdings(), {})
})

test.serial('a machine whose answer was lost is not left to pay for', async (t) => {
  buying.emulator.fail({ method: 'POST', path: /^\/servers$/, with: { lose: 'reply' } })
  const { body } = await buying.request('POST', '/hosts', WANTED)
  const operation = await buying.ended(body.operation.id)
  buying.emulator.resetFaults()
  t.is(operation.state, 'failed')
  t.regex(operation.error?.message ?? '', /was given back/)
  t.deepEqual(buying.emulator.holdings(), {})
})

test.serial('a host is bought, configured on its volume, and taken over by its stack', async (t) => {
  const answer = await buying.request('POST', '/hosts', WANTED)
  t.true([201, 202].includes(answer.status), JSON.stringify(answer.body))
  const operation = await buying.ended(answer.body.operation.id)
  t.is(operation.state, 'succeeded', operation.error?.message)
  t.deepEqual(
    operation.steps.map(({ name, state }) => `${name} ${state}`),
    ['check', 'engine', 'buy', 'boot', 'configure', 'edge'].map((name) => `${name} done`),
  )
  t.is(operation.attempts, 1, 'to wait is no attempt')
  host = (await buying.request('GET', `/hosts/${answer.body.id}`)).body
  t.like(host, { status: 'ready', kind: 'hcloud', engine: 'pulumi' })
  t.is(host.addresses.length, 2)
  const mounted = await buying.inside(
    host.id,
    'findmnt --noheadings --output SOURCE --target /var/lib/pgi-images',
  )
  t.regex(mounted, /^\/dev\/loop\d+/)
})

test.serial('a database on it opens for its owner, through the firewall of the cloud as well', async (t) => {
  const cidr = await buying.ownAddress(host.id)
  await buying.managed.settled()
  const before = await buying.updates(host.id)
  const { status, body } = await buying.request('POST', '/databases', {
    ...{ name: 'shop', host: 'fsn-1', allowlist: [{ cidr }] },
  })
  t.is(status, 201, JSON.stringify(body))
  shop = body as unknown as typeof shop
  t.deepEqual([shop.host], host.addresses.slice(0, 1))
  t.is(await loginAnswer(shop, shop.caCertificate), 'in')
  const { firewalls } = await buying.ask<{
    firewalls: { rules: { port: string; source_ips: string[] }[] }[]
  }>('/firewalls')
  const pool = firewalls[0]?.rules.filter(({ port }) => port === '6432') ?? []
  t.deepEqual(
    pool.flatMap((rule) => rule.source_ips),
    [`${cidr}/32`],
  )
  await buying.managed.settled()
  t.is((await buying.updates(host.id)) - before, 1, 'while it waits for an update it asks for no other')
})

test.serial(
  'without a token nothing opens, and the answer says why; a closing does not wait for it',
  async (t) => {
    buying.setToken(null)
    const own = await buying.ownAddress(host.id)
    const closed = await buying.request('PUT', `/databases/${shop.id}/allowlist`, { rules: [] })
    t.is(closed.status, 200, JSON.stringify(closed.body))
    t.not(await loginAnswer(shop, shop.caCertificate), 'in')
    buying.setToken(buying.emulator.token)
    const opened = await buying.request('PUT', `/databases/${shop.id}/allowlist`, { rules: [{ cidr: own }] })
    t.is(opened.status, 200, JSON.stringify(opened.body))
    t.is(await loginAnswer(shop, shop.caCertificate), 'in')
  },
)

test.serial(
  'a token of another project buys nothing again, and what it does not find stays known',
  async (t) => {
    const held = buying.emulator.holdings()
    const other = await HetznerEmulator.start()
    t.teardown(() => other.close())
    buying.setToken(other.token, other.endpoint)
    await buying.request('PATCH', `/hosts/${host.id}`, { updates: { window: '03:00' } })
    const refused = await buying.lastEnded('update-stack', host.id, 'failed')
    t.regex(refused.error?.message ?? '', /holds nothing of fsn-1/)
    const resized = await buying.request('PATCH', `/hosts/${host.id}`, { volumeGb: 11 })
    t.is((await buying.ended(resized.body.operation.id)).state, 'failed')
    buying.setToken(buying.emulator.token)
    t.deepEqual(other.holdings(), {})
    t.deepEqual(buying.emulator.holdings(), held)
    t.is((await buying.request('GET', `/hosts/${host.id}`)).body.cloud?.volumeGb, 10)
    await buying.request('PATCH', `/hosts/${host.id}`, { updates: { window: '04:00' } })
  },
)

test.serial('an engineer sees no change on the stack that the API made', async (t) => {
  await buying.managed.settled()
  const { code, output } = await buying.managed.pulumi('preview', '--stack', 'fsn-1', '--expect-no-changes')
  t.is(code, 0, output)
  t.regex(output, /unchanged/)
})

test.serial('where its type cannot be changed the machine runs on as it was', async (t) => {
  const path = /\/actions\/change_type$/
  buying.emulator.fail({ method: 'POST', path, with: { error: 'resource_unavailable' }, times: 99 })
  const { body } = await buying.request('PATCH', `/hosts/${host.id}`, { serverType: 'cx33' })
  const operation = await buying.ended(body.operation.id)
  t.is(operation.state, 'failed')
  t.regex(operation.error?.message ?? '', /switched on again/)
  buying.emulator.resetFaults()
  t.is((await buying.request('GET', `/hosts/${host.id}`)).body.cloud?.serverType, 'cx23')
  await until('the database', async () => (await loginAnswer(shop, shop.caCertificate)) === 'in')
})

test.serial('machine and volume become larger under the database', async (t) => {
  const preview = await buying.request('PATCH', `/hosts/${host.id}?preview=true`, {
    serverType: 'cx33',
    volumeGb: 12,
  })
  t.is(preview.status, 200, JSON.stringify(preview.body))
  t.like(preview.body.operation.result, { change: 'resize', changes: { update: 2 } })
  const { body } = await buying.request('PATCH', `/hosts/${host.id}`, { serverType: 'cx33', volumeGb: 12 })
  const operation = await buying.ended(body.operation.id)
  t.is(operation.state, 'succeeded', operation.error?.message)
  const { servers } = await buying.ask<{ servers: { server_type: { name: string } }[] }>('/servers')
  t.deepEqual(
    servers.map(({ server_type }) => server_type.name),
    ['cx33'],
  )
  t.is(await loginAnswer(shop, shop.caCertificate), 'in')
  const bytes = await buying.inside(
    host.id,
    'blockdev --getsize64 $(findmnt --noheadings --output SOURCE /srv/dbhost-data)',
  )
  t.is(Number(bytes), 12 * GIB)
})

test.serial('no key of a bought host lies open in the state or in the processes', async (t) => {
  const { service } = buying.managed.running
  const rows = await service.orm.em
    .getConnection()
    .execute('select sealed_key, sealed_host_key from host_credential')
  t.true((rows as unknown[]).length > 0)
  const logs = spawnSync('grep', ['-rl', 'OPENSSH PRIVATE KEY', `${service.installation.stateDir}/log`], {
    encoding: 'utf8',
  })
  t.is(logs.stdout, '')
  const token = spawnSync('grep', ['-rl', buying.emulator.token, `${service.installation.stateDir}/log`], {
    encoding: 'utf8',
  })
  t.is(token.stdout, '')
})

test.serial(
  'a host with a database stays; without one it goes, and nothing is left to pay for',
  async (t) => {
    const used = await buying.request('DELETE', `/hosts/${host.id}?confirm=fsn-1`)
    t.is(used.body.code, 'HOST_IN_USE')
    const dropped = await buying.request('DELETE', `/databases/${shop.id}`)
    t.is(dropped.status, 204, JSON.stringify(dropped.body))
    const { status, body } = await buying.request('DELETE', `/hosts/${host.id}?confirm=fsn-1`)
    if (status !== 204) t.is((await buying.ended(body.operation.id)).state, 'succeeded')
    t.deepEqual(buying.emulator.holdings(), {})
    t.is((await buying.request('GET', `/hosts/${host.id}`)).body.code, 'HOST_NOT_FOUND')
  },
)
