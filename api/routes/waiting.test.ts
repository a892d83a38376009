import test from 'ava'
import { startApp } from '../../test/app.ts'

const app = await startApp()
test.after.always(() => app.close())
test.afterEach.always(async () => {
  app.worker.outcome = 'succeed'
  await app.worker.idle()
})

const prefer = (text: string) => ({ headers: { prefer: text } })

test.serial('an operation that goes on is answered 202, with password and operation', async (t) => {
  app.worker.outcome = 'hold'
  const body = { name: 'patience' }
  const {
    status,
    headers,
    body: answer,
  } = await app.request('POST', '/databases', { body, ...prefer('wait=0') })
  t.is(status, 202)
  t.is(headers['preference-applied'], 'wait=0')
  t.is(headers.location, `/api/v1/operations/${answer.operation.id}`)
  t.like(answer, { status: 'creating', operation: { state: 'queued' } })
  t.true(answer.connectionString.includes(answer.password))
  const { body: operation } = await app.request('GET', `/operations/${answer.operation.id}`)
  t.deepEqual(
    operation.steps.map(({ name, state, attempts }) => [name, state, attempts]),
    ['instance', 'role', 'open', 'verify'].map((name) => [name, 'waiting', 0]),
  )
  app.worker.outcome = 'succeed'
  await app.worker.idle()
  t.is((await app.request('GET', `/databases/${answer.id}`)).body.status, 'active')
})

test.serial('a request ends when its operation does, not when its time is up', async (t) => {
  const began = Date.now()
  const created = await app.request('POST', '/databases', {
    body: { name: 'soon' },
    ...prefer('respond-async, wait=30'),
  })
  t.is(created.status, 201)
  t.is(created.headers['preference-applied'], 'wait=30')
  t.true(Date.now() - began < 3000)
})

test.serial('a request waits as long as it was asked to', async (t) => {
  app.worker.outcome = 'hold'
  const began = Date.now()
  const answer = await app.request('POST', '/databases', {
    body: { name: 'one-second' },
    ...prefer('wait=1'),
  })
  t.is(answer.status, 202)
  t.true(Date.now() - began >= 1000)
  t.true(Date.now() - began < 3000)
})

test.serial('more than a minute is a minute, and what is no number is the default', async (t) => {
  const long = await app.request('POST', '/databases', { body: { name: 'long' }, ...prefer('wait=3600') })
  t.is(long.headers['preference-applied'], 'wait=60')
  const none = await app.request('POST', '/databases', { body: { name: 'none' }, ...prefer('wait=soon') })
  t.is(none.headers['preference-applied'], undefined)
  t.is(none.status, 201)
})

test.serial('an operation that fails in the time is a problem that names it', async (t) => {
  app.worker.outcome = { code: 'AGENT_ERROR', message: 'The host did not answer.' }
  const { status, headers, body, text } = await app.request('POST', '/databases', {
    body: { name: 'failing' },
  })
  t.is(status, 502)
  t.is(headers['content-type'], 'application/problem+json')
  t.like(body, { code: 'AGENT_ERROR', detail: 'The host did not answer.', retryable: true })
  t.like(body.operation, { kind: 'create-database', state: 'failed' })
  t.false(/password/i.test(text))
  const { body: shown } = await app.request('GET', `/databases/${body.operation.databaseId}`)
  t.is(shown.status, 'error')

  app.worker.outcome = { code: 'AUTHORIZATION_REVOKED', message: 'The key lost its right.' }
  const revoked = await app.request('POST', '/databases', { body: { name: 'revoked' } })
  t.is(revoked.status, 409)
  t.like(revoked.body, { code: 'AUTHORIZATION_REVOKED', retryable: false })
})

test.serial('delete, reset and allowlist wait like create', async (t) => {
  const { body } = await app.request('POST', '/databases', { body: { name: 'waiting' } })
  const path = `/databases/${body.id}`
  app.worker.outcome = 'hold'
  const rules = await app.request('PUT', `${path}/allowlist`, { body: { rules: [] }, ...prefer('wait=0') })
  t.is(rules.status, 202)
  t.like(rules.body, { rules: [], allowWide: false, operation: { kind: 'set-allowlist', state: 'queued' } })
  const reset = await app.request('POST', `${path}/reset-password`, prefer('wait=0'))
  t.is(reset.status, 202)
  t.is(reset.body.status, 'changing')
  t.is(reset.body.password.length, 43)
  const gone = await app.request('DELETE', path, prefer('wait=0'))
  t.is(gone.status, 202)
  t.is(gone.body.operation.kind, 'delete-database')
})
