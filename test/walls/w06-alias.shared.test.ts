import test from 'ava'
import { script } from '../../provisioner/shell.ts'
import { ROLE_CONNECTIONS } from '../../provisioner/tenants/limits.ts'
import { Namespace } from '../host/namespace.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import type { Session } from '../host/session.ts'

let running: RunningService
let listed: Namespace
let stranger: Namespace
let shop: Answer
let neighbour: Answer

const entriesOf = ({ database }: Answer): string[] => [database, `${database}_session`]
const request = (method: string, path: string, body?: unknown) => running.service.request(method, path, body)

test.before(async () => {
  running = await RunningService.shared()
  const { id, facts } = running.clone
  const caFile = facts.database?.caFile ?? ''
  listed = new Namespace(id, 5, caFile)
  stranger = new Namespace(id, 6, caFile)
  shop = await running.createApart('w6-shop', { allowlist: running.rulesFor(listed.address) })
  neighbour = await running.createApart('w6-neighbour')
})
test.after.always(async () => {
  listed?.remove()
  stranger?.remove()
  if (shop && neighbour) await running.delete(shop, neighbour)
  await running?.remove()
})

test.serial(
  'W6 verify-full works over IPv4 and IPv6, from a listed address, on entry and alias',
  async (t) => {
    const [, six = ''] = running.service.host.spec.addresses
    for (const entry of entriesOf(shop)) {
      t.is(await running.login(shop, entry), 'in')
      t.is(await running.login({ ...shop, host: six }, entry), 'in')
      t.is(listed.login(shop, entry), 'in')
    }
  },
)

test.serial('W6 everything else is refused, on entry and alias', async (t) => {
  for (const entry of entriesOf(shop)) {
    t.regex(listed.login(shop, entry, '&sslmode=disable'), /SSL required/)
    t.regex(listed.login({ ...shop, password: 'wrong' }, entry), /authentication failed/)
    t.regex(listed.login(shop, entry, '&replication=true'), /replication|unsupported|FATAL/i)
    t.regex(listed.login(shop, entry, '&replication=database'), /replication|FATAL/i)
    t.regex(listed.login({ ...neighbour, host: shop.host }, entry), /no authentication method/)
    // In no union: no TCP connection at all.
    t.regex(stranger.login(shop, entry), /timeout expired/)
  }
  // In the union for another database only.
  for (const entry of entriesOf(neighbour)) {
    t.regex(listed.login(neighbour, entry), /no authentication method/)
  }
  for (const entry of ['postgres', 'template1', 'tpl_tenant', 'pgbouncer', ...entriesOf(neighbour)]) {
    t.regex(listed.login(shop, entry), /no authentication method|not allowed|no such database/, entry)
  }
})

test.serial('W6 an empty list lets nobody in, on entry and alias', async (t) => {
  t.is((await request('PUT', `/databases/${neighbour.id}/allowlist`, { rules: [] })).status, 200)
  for (const entry of entriesOf(neighbour))
    t.regex(await running.login(neighbour, entry), /no authentication method/)
})

test.serial('W6 the longest name works by both entries', async (t) => {
  const longest = await running.create(`w${'6'.repeat(49)}`, { project: 'w6-shop' })
  t.is(`${longest.database}_session`.length, 63)
  for (const entry of entriesOf(longest)) t.is(await running.login(longest, entry), 'in')
  await running.delete(longest)
  const tooLong = await request('POST', '/databases', { name: `w${'6'.repeat(50)}`, project: 'w6-shop' })
  t.is(tooLong.status, 400)
})

/** Sessions of the role in PostgreSQL. */
async function backends(): Promise<number> {
  const sql = `select count(*) from pg_stat_activity where usename = '${shop.username}'`
  const words = 'for socket in /run/pgi/*; do psql -XAtq -h "$socket" -U dbhost -d postgres -c "$1"; done'
  const counts = await running.service.connection.run(script('backends', words, sql))
  return counts
    .trim()
    .split('\n')
    .map(Number)
    .reduce((sum, one) => sum + one, 0)
}

test.serial(
  "W6 both entries exhausted at once stay below the role's limit, and nobody is refused",
  async (t) => {
    const [pooled = '', session = ''] = entriesOf(shop)
    const entries = [...Array.from({ length: 20 }, () => pooled), ...Array.from({ length: 6 }, () => session)]
    const sessions: Session[] = []
    for (const entry of entries) {
      const one = await running.connect(shop, entry)
      // PgBouncer remembers a server login that failed (the replication above) and tells it to one more client.
      sessions.push((await one.alive()) ? one : await running.connect(shop, entry))
    }
    const told: string[] = []
    const work = sessions.map(({ client }) =>
      client.query('begin; select pg_sleep(2); commit').catch((error: unknown) => told.push(String(error))),
    )
    let most = 0
    while (told.length === 0 && most < 18) most = Math.max(most, await backends())
    most = Math.max(most, await backends())
    await Promise.all(work)
    // What found no server connection waited for one.
    t.deepEqual(told, [])
    t.is(most, 18)
    t.true(most < ROLE_CONNECTIONS)
    await Promise.all(sessions.map((one) => one.end()))
  },
)

notYetBuilt('W6', ['stop ends both entries', 'size and metrics count both entries'])
