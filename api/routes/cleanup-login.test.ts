import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'

const app = await startApp()
test.after.always(() => app.close())
test.afterEach.always(async () => {
  app.worker.outcome = 'succeed'
  await app.worker.idle()
})

const create = async (name: string) => (await app.request('POST', '/databases', { body: { name } })).body

test.serial('the owner of a full instance is let in for the minutes asked for', async (t) => {
  const { id } = await create('full-one')
  const before = Date.now()
  const sent = await app.request('POST', `/databases/${id}/cleanup-login`, { body: { minutes: 10 } })
  t.is(sent.status, 200, sent.text)
  t.is(sent.body.connections, 3)
  t.true(Math.abs(Date.parse(sent.body.until) - before - 10 * 60_000) < 30_000)
  t.like(sent.body.storage, { state: 'full', cleanupUntil: sent.body.until })
  t.like(sent.body.operation, { kind: 'cleanup-login', state: 'succeeded', databaseId: id })
  const shown = await app.request('GET', `/databases/${id}`)
  t.is(shown.body.status, 'cleanup')
  t.is(shown.body.sizeBytes, 7_800_000)
  const audit = await query(app.database.owner, `select details from audit_event where action = $1`, [
    'database.cleanup-login',
  ])
  t.deepEqual(audit, [{ details: { minutes: 10 } }])
})

test.serial('without a body it is half an hour; minutes that are none are refused', async (t) => {
  const { id } = await create('half-hour')
  const sent = await app.request('POST', `/databases/${id}/cleanup-login`)
  t.is(sent.status, 200, sent.text)
  t.true(Math.abs(Date.parse(sent.body.until) - Date.now() - 30 * 60_000) < 30_000)
  for (const minutes of [0, 61, 1.5, '5', null]) {
    const refused = await app.request('POST', `/databases/${id}/cleanup-login`, { body: { minutes } })
    t.is(refused.status, 400, String(minutes))
    t.is(refused.body.detail, '/minutes must be a whole number from 1 to 60.')
  }
})

test.serial(
  'where the storage is not full the answer is 409 and the database keeps its status',
  async (t) => {
    const { id } = await create('has-room')
    app.worker.outcome = { code: 'STORAGE_NOT_FULL', message: 'It is not full.' }
    const sent = await app.request('POST', `/databases/${id}/cleanup-login`)
    t.is(sent.status, 409)
    t.is(sent.body.code, 'STORAGE_NOT_FULL')
    const shown = await app.request('GET', `/databases/${id}`)
    t.like(shown.body, { status: 'active', failure: null })
  },
)

test.serial('the same Idempotency-Key asks once', async (t) => {
  const { id } = await create('once-only')
  const headers = { 'idempotency-key': 'cleanup-1' }
  const first = await app.request('POST', `/databases/${id}/cleanup-login`, { headers })
  const second = await app.request('POST', `/databases/${id}/cleanup-login`, { headers })
  t.is(second.body.operation.id, first.body.operation.id)
  t.is(second.headers['idempotency-replayed'], 'true')
})

test.serial('one does not wait where none is wanted, and strangers find nothing', async (t) => {
  const { id } = await create('no-waiting')
  app.worker.outcome = 'hold'
  const sent = await app.request('POST', `/databases/${id}/cleanup-login`, { headers: { prefer: 'wait=0' } })
  t.is(sent.status, 202)
  t.is(sent.body.until, null as never)
  app.worker.outcome = 'succeed'
  const nothing = await app.request('POST', '/databases/db_01a213f6000000000000000000000000/cleanup-login')
  t.is(nothing.body.code, 'DATABASE_NOT_FOUND')
})

test.serial('the status says when storage keeps a database closed', async (t) => {
  const { id } = await create('closed-one')
  const set = (state: string) => query(app.database.owner, `update instance set storage_state = $1`, [state])
  for (const [state, status] of [
    ['warning', 'active'],
    ['full', 'storage-full'],
    ['held', 'storage-held'],
    ['ok', 'active'],
  ] as const) {
    await set(state)
    t.is((await app.request('GET', `/databases/${id}`)).body.status, status)
  }
})
