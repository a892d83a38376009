import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { fieldsOf } from '../../test/send.ts'
import { createApiKey } from '../services/accounts.ts'
import { forgetPreviews } from '../services/forget-previews.ts'

const app = await startApp()
test.after.always(() => app.close())

const CLOUD = { serverType: 'cx23', location: 'fsn1', volumeGb: 20 }
const buy = (name: string, more: object = {}) => ({ kind: 'hcloud', name, ...CLOUD, ...more })
const rows = (sql: string) => query<Record<string, unknown>>(app.database.owner, sql)

test.beforeEach(() => {
  app.worker.outcome = 'succeed'
})

test.serial('a host is bought by one operation, and shows what was asked for', async (t) => {
  const { status, body } = await app.request('POST', '/hosts', { body: buy('bought-1') })
  t.is(status, 201)
  t.like(body, { name: 'bought-1', kind: 'hcloud', tenancy: 'shared', status: 'preparing', engine: 'pulumi' })
  t.deepEqual(body.cloud, { provider: 'hetzner', ...CLOUD, placementGroup: null, domain: null })
  t.like(body.operation, { kind: 'buy-host', state: 'succeeded' })
  const [event] = await rows(`select details from audit_event where action = 'host.buy'`)
  t.like(event?.details, { name: 'bought-1', serverType: 'cx23' })
})

test.serial('what goes on is answered with the operation, and a second one of its kind waits', async (t) => {
  app.worker.outcome = 'hold'
  const headers = { prefer: 'wait=0' }
  const bought = await app.request('POST', '/hosts', { body: buy('held-1'), headers })
  t.is(bought.status, 202)
  t.is(bought.headers.location, `/api/v1/operations/${bought.body.operation.id}`)
  const path = `/hosts/${bought.body.id}`
  const resized = await app.request('PATCH', path, { body: { serverType: 'cx33' }, headers })
  t.is(resized.body.code, 'OPERATION_IN_PROGRESS')
  const deleted = await app.request('DELETE', `${path}?confirm=held-1`, { headers })
  t.is(deleted.body.code, 'OPERATION_IN_PROGRESS')
})

test.serial('the same Idempotency-Key buys once, and a preview is another request', async (t) => {
  const headers = { 'idempotency-key': 'buy-once' }
  const [first, second] = await Promise.all([
    app.request('POST', '/hosts', { body: buy('once-1'), headers }),
    app.request('POST', '/hosts', { body: buy('once-1'), headers }),
  ])
  t.is(first.body.operation.id, second.body.operation.id)
  const preview = await app.request('POST', '/hosts?preview=true', { body: buy('once-1'), headers })
  t.is(preview.body.code, 'IDEMPOTENCY_CONFLICT')
  const again = await app.request('POST', '/hosts', { body: buy('once-1') })
  t.is(again.body.code, 'HOST_EXISTS')
})

test.serial('of hosts that are asked for at once under one name one is bought', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => app.request('POST', '/hosts', { body: buy('same-1') })),
  )
  t.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409, 409])
})

test.serial('while a machine is bought nothing else is changed about it', async (t) => {
  app.worker.outcome = 'hold'
  const headers = { prefer: 'wait=0' }
  const { body } = await app.request('POST', '/hosts', { body: buy('busy-1'), headers })
  const changes: [string, string, object][] = [
    ['PATCH', `/hosts/${body.id}`, { updates: { window: '03:00' } }],
    ['PUT', `/hosts/${body.id}/extras`, { labels: { team: 'data' } }],
  ]
  for (const [method, path, sent] of changes) {
    t.is((await app.request(method, path, { body: sent, headers })).body.code, 'OPERATION_IN_PROGRESS', path)
  }
  const wrong = await app.request('PATCH', `/hosts/${app.host.id}`, {
    body: { updates: { window: '25:00' } },
  })
  t.deepEqual(fieldsOf(wrong.body), ['/updates/window'])
})

test.serial('a preview leaves no host and takes no name', async (t) => {
  const { status, body } = await app.request('POST', '/hosts?preview=true', { body: buy('looked-1') })
  t.is(status, 200)
  t.like(body.operation.result, { change: 'buy', changes: { create: 9 } })
  const { body: list } = await app.request('GET', '/hosts?limit=100')
  t.false(list.data.some(({ name }: { name: string }) => name === 'looked-1'))
  t.is((await app.request('POST', '/hosts', { body: buy('looked-1') })).status, 201)
})

test.serial('what was only asked about is forgotten after a day, what was bought is not', async (t) => {
  await app.request('POST', '/hosts?preview=true', { body: buy('asked-1') })
  const { body: host } = await app.request('POST', '/hosts', { body: buy('kept-1') })
  await app.request('PATCH', `/hosts/${host.id}?preview=true`, { body: { volumeGb: 30 } })
  await app.request('DELETE', `/hosts/${host.id}?confirm=kept-1`)
  const names = async () => (await rows(`select name from host where name in ('asked-1', 'kept-1')`)).length
  await forgetPreviews(app.em)
  t.is(await names(), 2)
  await rows(`update host set removed_at = removed_at - interval '26 hours' where removed_at is not null`)
  await forgetPreviews(app.em)
  t.is(await names(), 1)
})

test.serial('another size is written at once and seen in the answer; a volume only grows', async (t) => {
  const { body: host } = await app.request('POST', '/hosts', { body: buy('grown-1') })
  const path = `/hosts/${host.id}`
  const { status, body } = await app.request('PATCH', path, { body: { serverType: 'cx33', volumeGb: 40 } })
  t.is(status, 200)
  t.like(body.cloud, { serverType: 'cx33', volumeGb: 40 })
  const smaller = await app.request('PATCH', path, { body: { volumeGb: 30 } })
  t.deepEqual([smaller.status, fieldsOf(smaller.body)], [400, ['/volumeGb']])
  const same = await app.request('PATCH', path, { body: { volumeGb: 40 } })
  t.is(same.status, 400)
  const nothing = await app.request('PATCH', path, { body: {} })
  t.is(nothing.status, 400)
  const elsewhere = await app.request('PATCH', path, { body: { location: 'nbg1' } })
  t.deepEqual(fieldsOf(elsewhere.body), ['/location'])
  const local = await app.request('PATCH', `/hosts/${app.host.id}`, { body: { serverType: 'cx33' } })
  t.deepEqual([local.status, fieldsOf(local.body)], [400, ['/serverType']])
})

test.serial('each change of a host raises the revision of its document', async (t) => {
  const { body: host } = await app.request('POST', '/hosts', { body: buy('revised-1') })
  const revision = async () =>
    (await rows(`select revision from host_revision where host_id = '${host.id}'`))[0]
  const before = await revision()
  await app.request('PATCH', `/hosts/${host.id}`, { body: { volumeGb: 50 } })
  t.true(Number((await revision())?.revision) > Number(before?.revision))
})

test.serial('a host goes when its name was typed, and not while it holds a database', async (t) => {
  const { body: host } = await app.request('POST', '/hosts', { body: buy('gone-1') })
  for (const query of ['', '?confirm=gone-2']) {
    const { status, body } = await app.request('DELETE', `/hosts/${host.id}${query}`)
    t.deepEqual([status, body.code], [409, 'CONFIRMATION_REQUIRED'])
    t.regex(body.detail, /confirm=gone-1/)
  }
  const previewed = await app.request('DELETE', `/hosts/${host.id}?preview=true`)
  t.is(previewed.status, 200)
  t.is((await app.request('DELETE', `/hosts/${host.id}?confirm=gone-1`)).status, 204)
  t.is((await app.request('GET', `/hosts/${host.id}`)).body.code, 'HOST_NOT_FOUND')

  await app.request('POST', '/databases', { body: { name: 'stays' } })
  const used = await app.request('DELETE', `/hosts/${app.host.id}?confirm=local-1`)
  t.is(used.body.code, 'HOST_IN_USE')
})

test.serial('nothing new comes on a host that is being given back', async (t) => {
  const { body: host } = await app.request('POST', '/hosts', { body: buy('leaving-1') })
  app.worker.outcome = 'hold'
  const headers = { prefer: 'wait=0' }
  const first = await app.request('DELETE', `/hosts/${host.id}?confirm=leaving-1`, { headers })
  t.is(first.status, 202)
  const second = await app.request('DELETE', `/hosts/${host.id}?confirm=leaving-1`, { headers })
  t.is(second.body.operation.id, first.body.operation.id)
  t.is((await app.request('GET', `/hosts/${host.id}`)).body.status, 'leaving')
  const resized = await app.request('PATCH', `/hosts/${host.id}`, { body: { volumeGb: 90 }, headers })
  t.is(resized.body.code, 'OPERATION_IN_PROGRESS')
  const database = await app.request('POST', '/databases', {
    body: { name: 'late', host: 'leaving-1' },
    headers,
  })
  t.is(database.body.code, 'NO_HOST_AVAILABLE')
})

test.serial('what a stack operation fails of is the answer, with its fields', async (t) => {
  app.worker.outcome = { code: 'STACK_ERROR', message: 'There is no capacity in fsn1.' }
  const { status, body } = await app.request('POST', '/hosts', { body: buy('refused-1') })
  t.deepEqual([status, body.code, body.detail], [502, 'STACK_ERROR', 'There is no capacity in fsn1.'])
})

test.serial('machines that somebody has are registered; their keys are not shown', async (t) => {
  const local = await app.request('POST', '/hosts', { body: { kind: 'local', name: 'local-2' } })
  t.is(local.status, 201)
  t.like(local.body, { kind: 'local', status: 'preparing', operation: null, cloud: null })
  const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICt/tD6XbwzD9Y8qcaK303/r2Hk4H1IB8m1ct4vSyMCv'
  const owned = { kind: 'ssh', name: 'owned-1', address: '192.0.2.7', privateKey: 'private!', hostKey }
  const open = await app.request('POST', '/hosts', { body: owned })
  t.deepEqual(fieldsOf(open.body), ['/controlPlane'])
  const { status, text, body } = await app.request('POST', '/hosts', {
    body: { ...owned, controlPlane: ['192.0.2.1'] },
  })
  t.is(status, 201, text)
  t.is(body.operation.kind, 'converge-host')
  t.false(text.includes('private!'))
})

test.serial('wrong requests are refused by field, before anything is written', async (t) => {
  const count = async () => (await rows('select count(*) from host'))[0]?.count
  const before = await count()
  const wrong: [object, string][] = [
    [{ kind: 'aws', name: 'other-1' }, '/kind'],
    [buy('UPPER'), '/name'],
    [buy('no-type', { serverType: '../x' }), '/serverType'],
    [buy('small', { volumeGb: 5 }), '/volumeGb'],
    [buy('half', { volumeGb: 20.5 }), '/volumeGb'],
    [buy('huge', { volumeGb: 1e300 }), '/volumeGb'],
    [buy('more', { image: 'debian-12' }), '/image'],
    [buy('zone', { domain: { zone: 'Not A Zone', record: 'db' } }), '/domain/zone'],
    [buy('group', { placementGroup: -1 }), '/placementGroup'],
  ]
  for (const [body, field] of wrong) {
    const answer = await app.request('POST', '/hosts', { body })
    t.is(answer.status, 400, field)
    t.deepEqual(fieldsOf(answer.body), [field])
  }
  t.is((await app.request('POST', '/hosts?preview=yes', { body: buy('query-1') })).status, 400)
  t.is((await app.request('DELETE', `/hosts/host_0/?confirm=x`)).status, 404)
  t.is(await count(), before)
})

test.serial('only operators buy, change and remove hosts', async (t) => {
  const { key } = await createApiKey(app.em, app.accountId, 'plain')
  for (const [method, path] of [
    ['POST', '/hosts'],
    ['PATCH', `/hosts/${app.host.id}`],
    ['DELETE', `/hosts/${app.host.id}?confirm=local-1`],
  ] as const) {
    const body = method === 'DELETE' ? undefined : buy('denied-1')
    const answer = await app.request(method, path, { key, ...(body ? { body } : {}) })
    t.is(answer.body.code, 'KEY_SCOPE_DENIED', method)
  }
})
