import { createHash } from 'node:crypto'
import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { createApiKey, ensureAccount, looksLikeKey } from './accounts.ts'

const app = await startApp()
test.after.always(() => app.close())

const sql = (text: string, values: unknown[] = []) => query(app.database.owner, text, values)
const statusWith = async (key: string | null, path = '/projects'): Promise<number> =>
  (await app.request('GET', path, { key })).status

test('the account of an installation is made once, with its project and without limits', async (t) => {
  const [first, second] = [await ensureAccount(app.em), await ensureAccount(app.em)]
  t.is(first.id, second.id)
  const rows = await sql(
    `select a.name, a.plan_id, p.name as project from account a join project p on p.account_id = a.id where a.id = $1
     and p.name = 'default'`,
    [first.id],
  )
  t.deepEqual(rows, [{ name: 'local', plan_id: 'unlimited', project: 'default' }])
})

test('a key has 256 random bits and a checksum; its hash alone is kept', async (t) => {
  const { key, apiKey } = await createApiKey(app.em, app.accountId, 'kept')
  const text = key.reveal()
  t.regex(text, /^dbh_[A-Za-z0-9_-]{43}[0-9a-f]{6}$/)
  t.true(looksLikeKey(text))
  t.false(looksLikeKey(`${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`))
  const [row] = await sql('select prefix, hash, operator from api_key where id = $1', [apiKey.id])
  const hash = createHash('sha256').update(text).digest('hex')
  t.deepEqual(row, { prefix: text.slice(0, 12), hash, operator: false })
  t.is(
    (await sql(`select from audit_event where action = 'api-key.create' and resource = $1`, [apiKey.id]))
      .length,
    1,
  )
})

test('a key that is not good gets the same answer whatever is wrong with it', async (t) => {
  const keys = await Promise.all(
    ['revoked', 'expired'].map((label) => createApiKey(app.em, app.accountId, label)),
  )
  await sql(`update api_key set revoked_at = now() where label = 'revoked'`)
  await sql(`update api_key set expires_at = now() - interval '1 second' where label = 'expired'`)
  const bad = [
    ...keys.map(({ key }) => key.reveal()),
    app.key.reveal().toUpperCase(),
    'dbh_x',
    'x y',
    `dbh_${'a'.repeat(300)}`,
  ]
  const answers = await Promise.all(bad.map((key) => app.request('GET', '/projects', { key })))
  const none = await app.request('GET', '/projects', { key: null })
  const basic = await app.request('GET', '/projects', { key: null, headers: { authorization: 'Basic eDp5' } })
  for (const { status, headers, body } of [...answers, none, basic]) {
    t.is(status, 401)
    t.is(body.code, 'UNAUTHORIZED')
    t.is(body.detail, none.body.detail)
    t.regex(headers['www-authenticate'] ?? '', /^Bearer/)
  }
})

test('a key may end later, and its scheme is written in any case', async (t) => {
  const { key } = await createApiKey(app.em, app.accountId, 'later')
  await sql(`update api_key set expires_at = now() + interval '1 hour' where label = 'later'`)
  t.is(await statusWith(key.reveal()), 200)
  const headers = { authorization: `bearer ${key.reveal()}` }
  t.is((await app.request('GET', '/projects', { key: null, headers })).status, 200)
})

test('the last use of a key is written at most once a minute', async (t) => {
  const { key, apiKey } = await createApiKey(app.em, app.accountId, 'used')
  const lastUse = async () =>
    (await sql('select last_used_at as at from api_key where id = $1', [apiKey.id]))[0]?.at
  t.is(await lastUse(), null)
  await statusWith(key.reveal())
  const first = await lastUse()
  await statusWith(key.reveal())
  t.deepEqual(await lastUse(), first)
  await sql(`update api_key set last_used_at = now() - interval '61 seconds' where id = $1`, [apiKey.id])
  await statusWith(key.reveal())
  t.true((await lastUse()) >= first)
})

test('a plan without API access has no use for keys', async (t) => {
  await sql(`insert into plan (id, api_access) values ('closed', false)`)
  await sql(`insert into account values ('acc_closed', 'closed', 'closed', now())`)
  const { key } = await createApiKey(app.em, 'acc_closed', 'closed')
  const { status, body } = await app.request('GET', '/projects', { key })
  t.is(status, 403)
  t.is(body.code, 'PLAN_LIMIT')
})

test('a project has one name in its account, also when ten ask for it at once', async (t) => {
  const asked = Array.from({ length: 10 }, () =>
    app.request('POST', '/projects', { body: { name: 'client-a' } }),
  )
  const answers = await Promise.all(asked)
  t.is(answers.filter(({ status }) => status === 201).length, 1)
  t.is(answers.filter(({ body }) => body.code === 'PROJECT_EXISTS').length, 9)
})
