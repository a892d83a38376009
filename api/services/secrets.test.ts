import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { secretsOf } from '../../test/secret-forms.ts'

const app = await startApp()
test.after.always(() => app.close())

const post = (path: string, body?: object, headers: Record<string, string> = {}) =>
  app.request('POST', path, { headers, ...(body ? { body } : {}) })

test.serial(
  'every change leaves an audit event that names who, what and from where, and holds no secret',
  async (t) => {
    const request = { 'x-request-id': 'audit-request-1' }
    await post('/projects', { name: 'audited' }, request)
    const { body } = await post('/databases', { name: 'audited', project: 'audited' }, request)
    const rules = { body: { rules: [{ cidr: '203.0.113.7', label: 'office' }] }, headers: request }
    await app.request('PUT', `/databases/${body.id}/allowlist`, rules)
    const reset = await post(`/databases/${body.id}/reset-password`, undefined, request)
    await app.request('DELETE', `/databases/${body.id}`, { headers: request })
    const events = await query<Record<string, unknown>>(
      app.database.owner,
      `select e.actor, k.label, action, resource, source_address, details::text as details
     from audit_event e join api_key k on k.id = e.actor where request_id = 'audit-request-1' order by e.id`,
    )
    t.deepEqual(
      events.map(({ action }) => action),
      [
        ...['project.create', 'database.create', 'database.set-allowlist'],
        ...['database.reset-password', 'database.delete'],
      ],
    )
    for (const event of events) {
      t.like(event, { label: 'test', source_address: '127.0.0.1' })
      for (const secret of [...secretsOf(body), ...secretsOf(reset.body)]) {
        t.false(String(event.details).includes(secret))
      }
    }
    t.is(events[1]?.resource, body.id)
    t.is(events[2]?.details, '{"rules": ["203.0.113.7/32"]}')
  },
)

test.serial('a request that was refused leaves no audit event', async (t) => {
  const headers = { 'x-request-id': 'refused-request' }
  await post('/projects', { name: 'default' }, headers)
  await post('/databases', { name: 'x' }, headers)
  await post('/databases', { name: 'refused', project: 'nowhere' }, headers)
  t.deepEqual(
    await query(app.database.owner, `select from audit_event where request_id = 'refused-request'`),
    [],
  )
})
