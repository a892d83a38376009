import test from 'ava'
import { Account } from '../../api/model/account.ts'
import { Plan } from '../../api/model/plan.ts'
import { Project } from '../../api/model/project.ts'
import { createApiKey } from '../../api/services/accounts.ts'
import { startApp } from '../app.ts'
import { query } from '../database.ts'

const app = await startApp()
test.after.always(() => app.close())

test('W12 50 parallel creates give exactly the limit of the plan', async (t) => {
  const em = app.em.fork()
  const limits = { databases: 10, storageBytes: null, connections: null }
  const plan = em.create(Plan, { id: 'ten', apiAccess: true, ...limits })
  const account = em.create(Account, { name: 'limited', plan })
  for (const name of ['default', 'second']) em.create(Project, { account, name })
  await em.flush()
  // Two keys and two projects: what is counted is the account.
  const keys = await Promise.all(['one', 'two'].map((label) => createApiKey(app.em, account.id, label)))
  const asked = Array.from({ length: 50 }, (_, index) => {
    const body = { name: `limited-${index}`, project: index % 4 < 2 ? 'default' : 'second' }
    return app.request('POST', '/databases', { body, key: keys[index % 2]?.key ?? null })
  })
  const answers = await Promise.all(asked)
  t.is(answers.filter(({ status }) => status === 201).length, 10)
  const refused = answers.filter(({ status }) => status === 403)
  t.is(refused.length, 40)
  t.deepEqual(new Set(refused.map(({ body }) => body.code)), new Set(['PLAN_LIMIT']))
  const rows = await query<{ id: string }>(
    app.database.owner,
    'select d.id from database d join project p on p.id = d.project_id where p.account_id = $1',
    [account.id],
  )
  t.is(rows.length, 10)
  const key = keys[0]?.key ?? null
  t.is((await app.request('DELETE', `/databases/${rows[0]?.id}`, { key })).status, 204)
  t.is((await app.request('POST', '/databases', { body: { name: 'room-again' }, key })).status, 201)
})
