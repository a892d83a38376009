import test from 'ava'
import { CONTROL_PLANE, startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'

const app = await startApp()
test.after.always(() => app.close())
test.afterEach.always(async () => {
  app.worker.outcome = 'succeed'
  await app.worker.idle()
})

test.serial('a database is created, shown, listed, given a new password and deleted', async (t) => {
  const created = await app.request('POST', '/databases', {
    body: { name: 'first-one', displayName: 'First' },
  })
  t.is(created.status, 201, created.text)
  const { body } = created
  t.like(body, { name: 'first-one', displayName: 'First', host: '198.18.0.2', port: 6432, status: 'active' })
  t.regex(body.database, /^first_one_[a-z0-9]{6}$/)
  t.is(body.username, body.database)
  const access = `postgresql://${body.username}:${body.password}@198.18.0.2:6432/${body.database}`
  t.is(body.connectionString, `${access}?sslmode=verify-full`)
  t.is(body.sessionConnectionString, `${access}_session?sslmode=verify-full`)
  t.is(body.caUrl, `${app.origin}/api/v1/hosts/${app.host.id}/ca.pem`)
  t.is(body.caCertificate, app.host.caCertificate ?? '')
  t.deepEqual(
    body.allowlist.map(({ cidr }) => cidr),
    CONTROL_PLANE,
  )
  t.like(body.operation, { kind: 'create-database', state: 'succeeded', databaseId: body.id })

  const shown = await app.request('GET', `/databases/${body.id}`)
  t.is(shown.status, 200)
  t.false('password' in shown.body)
  t.false(shown.text.includes(body.password))
  const listed = await app.request('GET', '/databases')
  t.deepEqual(
    listed.body.data.find(({ id }) => id === body.id),
    shown.body,
  )

  const reset = await app.request('POST', `/databases/${body.id}/reset-password`)
  t.is(reset.status, 200, reset.text)
  t.not(reset.body.password, body.password)
  t.true(reset.body.connectionString.includes(reset.body.password))

  const gone = await app.request('DELETE', `/databases/${body.id}`)
  t.is(gone.status, 204)
  t.is(gone.text, '')
  const after = await app.request('GET', `/databases/${body.id}`)
  t.is(after.body.code, 'DATABASE_NOT_FOUND')
  t.is((await app.request('DELETE', `/databases/${body.id}`)).status, 404)
  const again = await app.request('POST', '/databases', { body: { name: 'first-one' } })
  t.is(again.status, 201)
})

test.serial('an IPv6 address stands in brackets in connection strings', async (t) => {
  const host = await app.addHost('six')
  await query(
    app.database.owner,
    `update host set spec = jsonb_set(spec, '{addresses}', '["fd00:1::6"]') where id = $1`,
    [host.id],
  )
  const { body } = await app.request('POST', '/databases', { body: { name: 'over-six', host: 'six' } })
  t.is(body.host, 'fd00:1::6')
  t.true(body.connectionString.includes('@[fd00:1::6]:6432/'))
})

test.serial('W6 the longest name leaves room for every name that is made of it', async (t) => {
  const { body } = await app.request('POST', '/databases', { body: { name: 'x'.repeat(50) } })
  t.true(`${body.database}_session`.length <= 63)
  t.regex(body.database, /^x+_[a-z0-9]{6}$/)
})

test.serial('a name is taken until its database is gone', async (t) => {
  const { body } = await app.request('POST', '/databases', { body: { name: 'taken' } })
  const second = await app.request('POST', '/databases', { body: { name: 'taken' } })
  t.is(second.status, 409)
  t.like(second.body, { code: 'DATABASE_EXISTS' })
  t.is(second.body.errors[0]?.field, '/name')
  app.worker.outcome = 'hold'
  await app.request('DELETE', `/databases/${body.id}`, { headers: { prefer: 'wait=0' } })
  t.is((await app.request('GET', `/databases/${body.id}`)).body.status, 'deleting')
  t.is((await app.request('POST', '/databases', { body: { name: 'taken' } })).body.code, 'DATABASE_EXISTS')
  const project = await app.request('POST', '/projects', { body: { name: 'elsewhere' } })
  app.worker.outcome = 'succeed'
  const elsewhere = { name: 'taken', project: project.body.id }
  t.is((await app.request('POST', '/databases', { body: elsewhere })).status, 201)
})

test.serial('project and host of a new database must be there', async (t) => {
  const unknown = await app.request('POST', '/databases', { body: { name: 'lost', project: 'unknown' } })
  t.is(unknown.body.code, 'PROJECT_NOT_FOUND')
  const noHost = await app.request('POST', '/databases', { body: { name: 'lost', host: 'unknown' } })
  t.is(noHost.body.code, 'HOST_NOT_FOUND')
  await app.addHost('unready')
  await query(app.database.owner, `update host set observation = 'never' where name = 'unready'`)
  const unready = await app.request('POST', '/databases', { body: { name: 'lost', host: 'unready' } })
  t.is(unready.status, 422)
  t.like(unready.body, { code: 'NO_HOST_AVAILABLE', retryable: true })
})

test.serial('a password is not reset while another change of it is under way', async (t) => {
  app.worker.outcome = 'hold'
  const now = { headers: { prefer: 'wait=0' } }
  const { body } = await app.request('POST', '/databases', { body: { name: 'busy' }, ...now })
  const refused = async (label: string) => {
    const { status, body: problem } = await app.request('POST', `/databases/${body.id}/reset-password`, now)
    t.is(status, 409, label)
    t.like(problem, { code: 'OPERATION_IN_PROGRESS', retryable: true }, label)
  }
  await refused('create')
  app.worker.outcome = 'succeed'
  await app.worker.idle()
  app.worker.outcome = 'hold'
  t.is((await app.request('POST', `/databases/${body.id}/reset-password`, now)).status, 202)
  await refused('reset')
  const first = await app.request('DELETE', `/databases/${body.id}`, now)
  t.is(first.status, 202)
  const second = await app.request('DELETE', `/databases/${body.id}`, now)
  t.is(second.body.operation.id, first.body.operation.id)
  await refused('delete')
  const rules = await app.request('PUT', `/databases/${body.id}/allowlist`, { body: { rules: [] }, ...now })
  t.is(rules.body.code, 'OPERATION_IN_PROGRESS')
})

test.serial('an operation says what a revoked key puts back', async (t) => {
  const { body } = await app.request('POST', '/databases', {
    body: { name: 'undone', allowlist: [{ cidr: '203.0.113.7' }] },
  })
  const [before] = await query(
    app.database.owner,
    'select verifier, sealed_password from database where id = $1',
    [body.id],
  )
  await app.request('POST', `/databases/${body.id}/reset-password`)
  await app.request('PUT', `/databases/${body.id}/allowlist`, { body: { rules: [] } })
  await app.request('DELETE', `/databases/${body.id}`)
  const rows = await query<{ kind: string; undo: Record<string, unknown> | null; revision: number }>(
    app.database.owner,
    'select kind, undo, revision from operation where database_id = $1 order by id',
    [body.id],
  )
  t.deepEqual(rows, [
    { kind: 'create-database', undo: null, revision: 1 },
    {
      kind: 'reset-password',
      undo: { verifier: before?.verifier, sealedPassword: before?.sealed_password },
      revision: 2,
    },
    {
      kind: 'set-allowlist',
      undo: { rules: [{ cidr: '203.0.113.7/32', label: null }], allowWide: false },
      revision: 3,
    },
    { kind: 'delete-database', undo: { wanted: 'present' }, revision: 4 },
  ])
})
