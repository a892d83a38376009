import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Operation } from '../../api/model/operation.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import { Namespace } from '../host/namespace.ts'
import { Neighbour } from '../host/neighbour.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import type { Session } from '../host/session.ts'
import { beginLogin } from '../host/slow-login.ts'

let running: RunningService
let shop: Answer
let victim: Answer
let listed: Namespace
let neighbour: Neighbour

const entriesOf = ({ database }: Answer): string[] => [database, `${database}_session`]
const request = (method: string, path: string, body?: unknown) => running.service.request(method, path, body)

test.before(async () => {
  running = await RunningService.shared()
  listed = new Namespace(running.clone.id, 4, running.clone.facts.database?.caFile ?? '')
  shop = await running.createApart('w4-shop')
  victim = await running.createApart('w4-neighbour')
})
test.after.always(async () => {
  listed?.remove()
  if (shop && victim) await running.delete(shop, victim)
  await running?.remove()
})
test.beforeEach(async () => {
  neighbour = await Neighbour.watch(victim, running.service.ca)
})
test.afterEach.always(async (t) => {
  const { errors, commits } = await neighbour.stop()
  t.deepEqual(errors, [])
  t.true(commits > 0)
})

/** PgBouncer's process, to see that it lives on. */
const pooler = (): Promise<string> =>
  running.service.connection.run(script('pid', 'cat "$1"', `${LAYOUT.pool.socketDirectory}/pgbouncer.pid`))

/** What a thief with the password does: a lock on the role by either entry, and new logins without end. */
async function thieve(): Promise<{ sessions: Session[]; stop: () => Promise<void> }> {
  const sessions: Session[] = []
  for (const entry of entriesOf(shop)) {
    const session = await running.connect(shop, entry)
    await session.client.query('begin')
    sessions.push(session)
  }
  await sessions[0]?.client.query("alter role current_user set work_mem = '5MB'")
  // Waits for the lock that the other holds; both shall end.
  sessions[1]?.client.query("alter role current_user set work_mem = '6MB'").catch(() => {})
  const old = shop
  let stopped = false
  const loops = entriesOf(old).map(async (entry) => {
    while (!stopped) {
      await running.login(old, entry)
    }
  })
  return {
    sessions,
    stop: async () => {
      stopped = true
      await Promise.all(loops)
    },
  }
}

async function reset(): Promise<{ took: number; old: Answer }> {
  const old = shop
  const began = Date.now()
  const { status, body } = await request('POST', `/databases/${shop.id}/reset-password`, {})
  const took = Date.now() - began
  if (status !== 200) throw new Error(`reset answered ${status}: ${body.detail ?? ''}`)
  shop = { ...shop, password: body.password }
  return { took, old }
}

test.serial('W4 a reset ends a thief with a lock on the role, on entry and alias, within 5 s', async (t) => {
  const thief = await thieve()
  const { took, old } = await reset().finally(thief.stop)
  t.true(took < 5000, `${took} ms`)
  for (const session of thief.sessions) t.false(await session.alive())
  for (const entry of entriesOf(shop)) {
    t.regex(await running.login(old, entry), /SASL authentication failed/)
    t.is(await running.login(shop, entry), 'in')
  }
})

test.serial('W4 a login that was under way at a reset does not come in by the old password', async (t) => {
  const before = await pooler()
  const logins = await Promise.all(
    entriesOf(shop).map((entry) => beginLogin(shop, running.service.ca, entry)),
  )
  const { took } = await reset()
  for (const login of logins) t.not(await login.finish(), 'in')
  t.true(took < 5000, `${took} ms`)
  t.is(await pooler(), before)
  for (const entry of entriesOf(shop)) t.is(await running.login(shop, entry), 'in')
})

test.serial(
  'W4 a reset that comes while another change is under way ends the thief all the same',
  async (t) => {
    const thief = await Promise.all(entriesOf(shop).map((entry) => running.connect(shop, entry)))
    const hold = await running.holdAt('claimed')
    const change = request('PUT', `/databases/${shop.id}/allowlist`, {
      rules: running.rulesFor('203.0.113.77'),
    })
    await hold.reached()
    const done = reset()
    const em = running.service.orm.em.fork()
    while ((await em.count(Operation, { state: 'queued' })) === 0) await sleep(20)
    hold.release()
    t.is((await change).status, 200)
    const { old } = await done
    for (const session of thief) t.false(await session.alive())
    for (const entry of entriesOf(shop)) {
      t.regex(await running.login(old, entry), /SASL authentication failed/)
      t.is(await running.login(shop, entry), 'in')
    }
  },
)

test.serial('W4 a name that looks like columns does not save a session, and ends no other', async (t) => {
  const { host, port, username: user, password } = shop
  const other = await running.connect(victim)
  const pg = (await import('pg')).default
  const client = new pg.Client({
    ...{ host, port, user, password, database: shop.database, ssl: { ca: running.service.ca } },
    application_name: 'a|b|1|2\n|3',
  })
  let ended = false
  client.on('error', () => {
    ended = true
  })
  await client.connect()
  await reset()
  await t.throwsAsync(client.query('select 1'))
  t.true(ended)
  t.true(await other.alive())
  await other.end()
})

test.serial('W4 a delete ends a thief and a login under way, and the pool lives on', async (t) => {
  const before = await pooler()
  const kept = shop
  shop = await running.createApart('w4-gone')
  const thief = await thieve()
  const logins = await Promise.all(
    entriesOf(shop).map((entry) => beginLogin(shop, running.service.ca, entry)),
  )
  const gone = shop
  shop = kept
  await running.delete(gone).finally(thief.stop)
  for (const session of thief.sessions) t.false(await session.alive())
  for (const login of logins) t.not(await login.finish(), 'in')
  for (const entry of entriesOf(gone)) t.not(await running.login(gone, entry), 'in')
  t.is(await pooler(), before)
})

test.serial(
  'W4 a removed rule ends exactly what it covered, in a transaction and at its login',
  async (t) => {
    const leaving = [listed.address, listed.outerAddress]
    const rules = running.rulesFor(...leaving)
    t.is((await request('PUT', `/databases/${shop.id}/allowlist`, { rules })).status, 200)
    const covered = await Promise.all(entriesOf(shop).map((entry) => listed.hold(shop, entry)))
    const slow = await Promise.all(
      entriesOf(shop).map((entry) => beginLogin(shop, running.service.ca, entry, listed.outerAddress)),
    )
    const kept = await running.connect(shop)
    t.is(
      (await request('PUT', `/databases/${shop.id}/allowlist`, { rules: rules.slice(0, -leaving.length) }))
        .status,
      200,
    )
    for (const { ended } of covered) t.regex(await ended, /admin forced disconnect|server closed/)
    for (const login of slow) t.not(await login.finish(), 'in')
    t.true(await kept.alive())
    await kept.end()
    t.regex(listed.login(shop), /timeout expired/)
  },
)

notYetBuilt('W4', ['stop closes in the same order', 'suspend closes in the same order'])
