import test from 'ava'
import { startApp } from '../test/app.ts'
import { query } from '../test/database.ts'
import { createApiKey } from './services/accounts.ts'

const app = await startApp()
test.after.always(() => app.close())

const stranger = async (label: string) => {
  await query(app.database.owner, `insert into account values ($1, $1, 'unlimited', now())`, [label])
  await query(app.database.owner, `insert into project values ($1, $1, 'default', now())`, [label])
  return (await createApiKey(app.em, label, label)).key
}

test('what belongs to another account looks like what is not there', async (t) => {
  const key = await stranger('other')
  const { body } = await app.request('POST', '/databases', { body: { name: 'private' } })
  const database = `/databases/${body.id}`
  const calls: [string, string, object | undefined, string][] = [
    ['GET', database, undefined, 'DATABASE_NOT_FOUND'],
    ['DELETE', database, undefined, 'DATABASE_NOT_FOUND'],
    ['POST', `${database}/reset-password`, {}, 'DATABASE_NOT_FOUND'],
    ['GET', `${database}/allowlist`, undefined, 'DATABASE_NOT_FOUND'],
    ['PUT', `${database}/allowlist`, { rules: [] }, 'DATABASE_NOT_FOUND'],
    ['GET', `/operations/${body.operation.id}`, undefined, 'OPERATION_NOT_FOUND'],
    ['POST', '/databases', { name: 'inside', project: body.operation.id }, 'PROJECT_NOT_FOUND'],
    ['GET', `/hosts/${app.host.id}`, undefined, 'HOST_NOT_FOUND'],
  ]
  for (const [method, path, sent, code] of calls) {
    const foreign = await app.request(method, path, { body: sent, key })
    t.is(foreign.body.code, code, `${method} ${path}`)
    const zeros = path.replace(/_[0-9a-f]{32}/, `_${'0'.repeat(32)}`)
    const absent = await app.request(method, zeros, { body: sent, key })
    t.deepEqual({ ...foreign.body, requestId: '' }, { ...absent.body, requestId: '' }, `${method} ${path}`)
  }
  for (const list of ['/databases', '/operations', '/hosts']) {
    t.deepEqual((await app.request('GET', list, { key })).body.data, [], list)
  }
  t.is((await app.request('GET', `/operations?database=${body.id}`, { key })).body.data.length, 0)
  t.is((await app.request('GET', '/projects', { key })).body.data.length, 1)
  t.is((await app.request('GET', database)).body.status, 'active')
})

test('a key sees the hosts of its databases, an operator sees every host and how it is reached', async (t) => {
  const key = await stranger('tenant')
  const unused = await app.addHost('unused')
  await app.request('POST', '/databases', { body: { name: 'placed', host: app.host.name }, key })
  const seen = await app.request('GET', '/hosts', { key })
  t.deepEqual(
    seen.body.data.map(({ id }) => id),
    [app.host.id],
  )
  const { body } = await app.request('GET', `/hosts/${app.host.id}`, { key })
  t.false('ssh' in body)
  t.false('detail' in body)
  t.is((await app.request('GET', `/hosts/${unused.id}`, { key })).status, 404)

  const all = await app.request('GET', '/hosts')
  t.true(all.body.data.some(({ id }) => id === unused.id))
  t.true('ssh' in (await app.request('GET', `/hosts/${unused.id}`)).body)
})

test('work of the platform is seen by operators only', async (t) => {
  const key = await stranger('tenant-2')
  const id = `op_${'1'.repeat(32)}`
  await query(
    app.database.owner,
    `insert into operation (id, kind, host_id, state, created_at) values ($1, 'converge-host', $2, 'succeeded', now())`,
    [id, app.host.id],
  )
  t.is((await app.request('GET', `/operations/${id}`)).status, 200)
  t.is((await app.request('GET', `/operations/${id}`, { key })).body.code, 'OPERATION_NOT_FOUND')
})
