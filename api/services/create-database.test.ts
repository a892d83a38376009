import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import type { Sent } from '../../test/send.ts'
import { Account } from '../model/account.ts'
import { Plan } from '../model/plan.ts'
import { Project } from '../model/project.ts'
import { createApiKey } from './accounts.ts'

const app = await startApp()
test.after.always(() => app.close())

const create = (name: string, more: object = {}, sent: Sent = {}) =>
  app.request('POST', '/databases', { body: { name, ...more }, ...sent })

async function newAccount(plan: { databases?: number; storageBytes?: number; connections?: number }) {
  const em = app.em.fork()
  const id = `plan-${Math.random()}`
  const row = em.create(Plan, {
    id,
    apiAccess: true,
    databases: null,
    storageBytes: null,
    connections: null,
    ...plan,
  })
  const account = em.create(Account, { name: id, plan: row })
  em.create(Project, { account, name: 'default' })
  await em.flush()
  return { account, key: (await createApiKey(app.em, account.id, id)).key }
}

test('20 databases created at once share one instance', async (t) => {
  const { body: project } = await app.request('POST', '/projects', { body: { name: 'together' } })
  const names = Array.from({ length: 20 }, (_, index) => `parallel-${index}`)
  const answers = await Promise.all(names.map((name) => create(name, { project: 'together' })))
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  const instances = await query(app.database.owner, 'select * from instance where project_id = $1', [
    project.id,
  ])
  t.is(instances.length, 1)
  const { instanceBytes, instanceMemoryBytes, instanceConnections } = app.host.spec
  t.like(instances[0], {
    storage_bytes: String(instanceBytes),
    memory_bytes: String(instanceMemoryBytes),
    max_connections: instanceConnections,
  })
})

test('instance and database have the sizes of the plan', async (t) => {
  const { key, account } = await newAccount({ storageBytes: 5_000_000_000, connections: 7 })
  const { body } = await create('sized', {}, { key })
  const [row] = await query(
    app.database.owner,
    `select i.storage_bytes, d.clients from database d join instance i on i.id = d.instance_id
     join project p on p.id = d.project_id where p.account_id = $1 and d.id = $2`,
    [account.id, body.id],
  )
  t.deepEqual(row, { storage_bytes: '5000000000', clients: 7 })
})

test('a create writes everything at once: state, rules, steps, audit event and a job for the host', async (t) => {
  const { body } = await create('whole', { allowlist: [{ cidr: '203.0.113.1' }] })
  const one = async (sql: string) => (await query(app.database.owner, sql, [body.id]))[0]
  t.like(await one('select * from database where id = $1'), { wanted: 'present', revision: 1, clients: 200 })
  t.like(await one('select * from operation where database_id = $1'), {
    kind: 'create-database',
    revision: 1,
  })
  t.like(await one('select * from audit_event where resource = $1'), {
    action: 'database.create',
    account_id: app.accountId,
    source_address: '127.0.0.1',
  })
  const jobs = await query(app.database.owner, `select data from boss.job where name = 'host-pass'`)
  t.true(jobs.some(({ data }) => data.hostId === app.host.id))
  t.true(jobs.length <= 2, 'one job per host waits, however many changes there are')
})

test('a refused create leaves nothing behind', async (t) => {
  const { body: project } = await app.request('POST', '/projects', { body: { name: 'fresh-project' } })
  const refused = await create('refused', { project: 'fresh-project', allowlist: [{ cidr: 'x' }] })
  t.is(refused.status, 400)
  for (const table of ['instance', 'database']) {
    const rows = await query(app.database.owner, `select from ${table} where project_id = $1`, [project.id])
    t.is(rows.length, 0, table)
  }
  const events = await query(
    app.database.owner,
    `select from audit_event where details ->> 'name' = 'refused'`,
  )
  t.is(events.length, 0)
})

test('a dedicated host takes one project, also when two ask at once', async (t) => {
  const host = await app.addHost('alone', 'dedicated')
  const accounts = await Promise.all(Array.from({ length: 6 }, () => newAccount({})))
  const answers = await Promise.all(accounts.map(({ key }) => create('mine', { host: host.id }, { key })))
  t.is(answers.filter(({ status }) => status === 201).length, 1)
  t.is((await query(app.database.owner, 'select from instance where host_id = $1', [host.id])).length, 1)

  const elsewhere = await newAccount({})
  const hidden = await create('not-mine', { host: host.name }, { key: elsewhere.key })
  t.is(hidden.body.code, 'HOST_NOT_FOUND', 'the dedicated host of another account is not there')
  const operator = await create('not-mine', { host: host.name })
  t.is(operator.body.code, 'NO_HOST_AVAILABLE')
})

test('without a host that serves there is none', async (t) => {
  const empty = await startApp()
  t.teardown(() => empty.close())
  await query(empty.database.owner, 'update host set converged_digest = null')
  const { status, body } = await empty.request('POST', '/databases', { body: { name: 'homeless' } })
  t.is(status, 422)
  t.like(body, { code: 'NO_HOST_AVAILABLE', retryable: true })
  const second = await empty.addHost('second')
  const placed = await empty.request('POST', '/databases', { body: { name: 'homeless' } })
  t.is(placed.body.hostId, second.id)
})

test('new projects go to the host with the fewest instances, further databases to the same host', async (t) => {
  const two = await startApp()
  t.teardown(() => two.close())
  const second = await two.addHost('second')
  const post = (body: object) => two.request('POST', '/databases', { body })
  t.is((await post({ name: 'one-a' })).body.hostId, two.host.id)
  await two.request('POST', '/projects', { body: { name: 'other' } })
  t.is((await post({ name: 'two-a', project: 'other' })).body.hostId, second.id)
  t.is((await post({ name: 'one-b' })).body.hostId, two.host.id)
  await query(two.database.owner, `update host set observation = 'unreachable' where id = $1`, [two.host.id])
  t.is((await post({ name: 'one-c' })).body.hostId, two.host.id, 'a project stays where its instance is')
})
