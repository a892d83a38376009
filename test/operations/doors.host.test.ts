import test from 'ava'
import { readStanding } from '../host/host-facts.ts'
import { Namespace } from '../host/namespace.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

let running: RunningService
let listed: Namespace
let stranger: Namespace
let shop: Answer
let neighbour: Answer

const inOrder = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const alias = ({ database }: Answer): string => `${database}_session`
const request = (method: string, path: string, body?: unknown) => running.service.request(method, path, body)

test.before(async () => {
  running = await RunningService.start()
  const { id, facts } = running.clone
  const caFile = facts.database?.caFile ?? ''
  listed = new Namespace(id, 0, caFile)
  stranger = new Namespace(id, 1, caFile)
  const own = running.service.host.spec.controlPlane.map((cidr) => ({ cidr }))
  shop = await running.create('shop', { allowlist: [...own, { cidr: listed.address }] })
  await request('POST', '/projects', { name: 'other-client' })
  neighbour = await running.create('neighbour', { project: 'other-client' })
})
test.after.always(async () => {
  listed?.remove()
  stranger?.remove()
  await running?.remove()
})

test.serial('verify-full works over IPv4 and IPv6, from a listed address, on entry and alias', async (t) => {
  const [, six = ''] = running.service.host.spec.addresses
  for (const entry of [shop.database, alias(shop)]) {
    t.is(await running.login(shop, entry), 'in')
    t.is(await running.login({ ...shop, host: six }, entry), 'in')
    t.is(listed.login(shop, entry), 'in')
  }
})

test.serial('everything else is refused, on entry and alias', async (t) => {
  for (const entry of [shop.database, alias(shop)]) {
    t.regex(listed.login(shop, entry, '&sslmode=disable'), /SSL required/)
    t.regex(listed.login({ ...shop, password: 'wrong' }, entry), /authentication failed/)
    t.regex(listed.login(shop, entry, '&replication=true'), /replication|unsupported|FATAL/i)
    t.regex(listed.login(shop, entry, '&replication=database'), /replication|FATAL/i)
    t.regex(listed.login({ ...neighbour, host: shop.host }, entry), /no authentication method/)
    // In no union: no TCP connection at all.
    t.regex(stranger.login(shop, entry), /timeout expired/)
  }
  // In the union for another database only.
  for (const entry of [neighbour.database, alias(neighbour)]) {
    t.regex(listed.login(neighbour, entry), /no authentication method/)
  }
  for (const entry of ['postgres', 'template1', 'tpl_tenant', 'pgbouncer', neighbour.database]) {
    t.regex(listed.login(shop, entry), /no authentication method|not allowed|no such database/, entry)
  }
})

test.serial(
  'W4 a reset ends a thief who holds a lock on the role, on entry and alias, within 5 s',
  async (t) => {
    const thief = await running.connect(shop)
    await thief.client.query("begin; alter role current_user set work_mem = '5MB'")
    const second = await running.connect(shop, alias(shop))
    await second.client.query('select 1')
    const other = await running.connect(neighbour)
    let tries = 0
    let stop = false
    const loop = (async () => {
      while (!stop) {
        tries += 1
        await running.login(shop)
      }
    })()
    const began = Date.now()
    const { status, body } = await request('POST', `/databases/${shop.id}/reset-password`, {})
    const took = Date.now() - began
    stop = true
    await loop
    t.is(status, 200)
    t.true(took < 5000, `${took} ms`)
    t.true(tries > 0)
    t.false(await thief.alive())
    t.false(await second.alive())
    t.true(await other.alive())
    await other.end()
    const old = shop
    shop = { ...shop, password: body.password }
    for (const entry of [shop.database, alias(shop)]) {
      t.regex(await running.login(old, entry), /SASL authentication failed/)
      t.is(await running.login(shop, entry), 'in')
    }
  },
)

test.serial(
  'a removed rule ends exactly the sessions that it covered, also inside a transaction',
  async (t) => {
    const own = running.service.host.spec.controlPlane.map((cidr) => ({ cidr }))
    const rules = [...own, { cidr: listed.address }, { cidr: stranger.address }]
    t.is((await request('PUT', `/databases/${shop.id}/allowlist`, { rules })).status, 200)
    t.is(stranger.login(shop), 'in')
    const covered = [await stranger.hold(shop), await stranger.hold(shop, alias(shop))]
    const kept = await running.connect(shop)
    const { status } = await request('PUT', `/databases/${shop.id}/allowlist`, { rules: rules.slice(0, -1) })
    t.is(status, 200)
    for (const { ended } of covered) t.regex(await ended, /admin forced disconnect|server closed/)
    t.true(await kept.alive())
    await kept.end()
    t.regex(stranger.login(shop), /timeout expired/)
    t.is(listed.login(shop), 'in')
  },
)

test.serial('W17 the pool has exactly the rules of the API, and one local line per entry', async (t) => {
  const standing = await readStanding(running)
  const wanted: string[] = []
  const entries: string[] = []
  for (const { id, database } of (await listAll()) as Answer[]) {
    const { body } = await request('GET', `/databases/${id}/allowlist`)
    const { rules } = body as unknown as { rules: { cidr: string }[] }
    entries.push(database, `${database}_session`)
    for (const { cidr } of rules) wanted.push(`${database} ${cidr}`, `${database}_session ${cidr}`)
  }
  t.deepEqual(standing.hostRules, inOrder(wanted))
  t.deepEqual(standing.localRules, inOrder(entries))
})

test.serial('an empty list lets nobody in, and a database without a listed address has no TCP', async (t) => {
  t.is((await request('PUT', `/databases/${neighbour.id}/allowlist`, { rules: [] })).status, 200)
  t.regex(await running.login(neighbour), /no authentication method/)
})

async function listAll(): Promise<unknown[]> {
  const { body } = await request('GET', '/databases?limit=100')
  return (body as unknown as { data: unknown[] }).data
}
