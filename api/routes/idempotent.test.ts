import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'

const app = await startApp()
test.after.always(() => app.close())
test.afterEach.always(async () => {
  app.worker.outcome = 'succeed'
  await app.worker.idle()
})

const keyed = (key: string, body?: unknown) => ({ body, headers: { 'idempotency-key': key } })
const operations = async (): Promise<number> => {
  const [row] = await query<{ count: string }>(app.database.owner, 'select count(*) from operation')
  return Number(row?.count)
}

test.serial('the same request is carried out once and answered alike', async (t) => {
  const first = await app.request('POST', '/databases', keyed('one', { name: 'once', displayName: 'Once' }))
  t.is(first.headers['idempotency-replayed'], undefined)
  const before = await operations()
  const second = await app.request('POST', '/databases', keyed('one', { displayName: 'Once', name: 'once' }))
  t.is(second.headers['idempotency-replayed'], 'true')
  t.is(second.status, 201)
  t.deepEqual(second.body, first.body)
  t.is(await operations(), before)

  const path = `/databases/${first.body.id}/reset-password`
  const reset = await app.request('POST', path, keyed('one'))
  t.is(reset.status, 200)
  t.deepEqual((await app.request('POST', path, keyed('one'))).body, reset.body)
  const project = await app.request('POST', '/projects', keyed('one', { name: 'once' }))
  t.deepEqual((await app.request('POST', '/projects', keyed('one', { name: 'once' }))).body, project.body)
  t.is(await operations(), before + 1)
})

test.serial('the same key with another body is a conflict', async (t) => {
  await app.request('POST', '/databases', keyed('two', { name: 'two-a' }))
  const other = await app.request('POST', '/databases', keyed('two', { name: 'two-b' }))
  t.is(other.status, 409)
  t.is(other.body.code, 'IDEMPOTENCY_CONFLICT')
})

test.serial('a request that was refused leaves its key free', async (t) => {
  const refused = await app.request(
    'POST',
    '/databases',
    keyed('three', { name: 'three', project: 'nowhere' }),
  )
  t.is(refused.status, 404)
  t.is((await app.request('POST', '/databases', keyed('three', { name: 'three' }))).status, 201)
})

test.serial('twins that arrive together get one outcome', async (t) => {
  const before = await operations()
  const twins = Array.from({ length: 10 }, () =>
    app.request('POST', '/databases', keyed('four', { name: 'four' })),
  )
  const answers = await Promise.all(twins)
  t.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 201),
  )
  t.is(new Set(answers.map(({ body }) => body.password)).size, 1)
  t.is(answers.filter(({ headers }) => headers['idempotency-replayed']).length, 9)
  t.is(await operations(), before + 1)

  const path = `/databases/${answers[0]?.body.id}/reset-password`
  const resets = await Promise.all(Array.from({ length: 10 }, () => app.request('POST', path, keyed('four'))))
  t.is(new Set(resets.map(({ status, body }) => `${status} ${body.password}`)).size, 1, resets[0]?.text)
  t.is(await operations(), before + 2)
})

test.serial('twins at the limit of the plan get one outcome too', async (t) => {
  const [used] = await query<{ count: string }>(
    app.database.owner,
    'select count(*) from database where deleted_at is null',
  )
  await query(app.database.owner, `update plan set databases = $1`, [Number(used?.count) + 1])
  const twins = Array.from({ length: 5 }, () =>
    app.request('POST', '/databases', keyed('five', { name: 'five' })),
  )
  const answers = await Promise.all(twins)
  await query(app.database.owner, `update plan set databases = null`)
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
})

test.serial('an answer about a database that is gone is not given again', async (t) => {
  const { body } = await app.request('POST', '/databases', keyed('seven', { name: 'seven' }))
  await app.request('DELETE', `/databases/${body.id}`)
  const replayed = await app.request('POST', '/databases', keyed('seven', { name: 'seven' }))
  t.is(replayed.status, 409)
  t.like(replayed.body, { code: 'IDEMPOTENCY_CONFLICT' })
  t.regex(replayed.body.detail, /deleted/)
})

test.serial('a failed operation is replayed as failed', async (t) => {
  app.worker.outcome = { code: 'AGENT_ERROR', message: 'No.' }
  const first = await app.request('POST', '/databases', keyed('eight', { name: 'eight' }))
  const second = await app.request('POST', '/databases', keyed('eight', { name: 'eight' }))
  t.is(second.status, 502)
  t.is(second.body.operation.id, first.body.operation.id)
})

test.serial('a key is 1 to 255 visible characters', async (t) => {
  for (const key of ['two words', 'x'.repeat(256), 'ümlaut']) {
    const { body } = await app.request('POST', '/projects', keyed(key, { name: 'bad-key' }))
    t.is(body.code, 'VALIDATION_ERROR', key)
    t.is(body.errors[0]?.field, 'Idempotency-Key')
  }
})
