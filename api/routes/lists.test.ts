import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'

const app = await startApp()
test.after.always(() => app.close())

async function pages(path: string, limit: number): Promise<string[][]> {
  const found: string[][] = []
  let cursor = ''
  for (;;) {
    const { status, body } = await app.request('GET', `${path}?limit=${limit}${cursor}`)
    if (status !== 200) throw new Error(body.detail)
    found.push(body.data.map(({ id }) => id))
    if (body.nextCursor === null) return found
    cursor = `&cursor=${body.nextCursor}`
  }
}

test.serial('pages are complete, the newest first, and end', async (t) => {
  for (let index = 0; index < 5; index++)
    await app.request('POST', '/databases', { body: { name: `page-${index}` } })
  const lists = await pages('/databases', 2)
  t.deepEqual(
    lists.map(({ length }) => length),
    [2, 2, 1],
  )
  const all = await app.request('GET', '/databases')
  t.deepEqual(
    lists.flat(),
    all.body.data.map(({ id }) => id),
  )
  t.deepEqual(
    all.body.data.map(({ name }) => name),
    [4, 3, 2, 1, 0].map((index) => `page-${index}`),
  )
  t.deepEqual(await pages('/databases', 5), [lists.flat()])
  t.is((await pages('/operations', 3)).flat().length, 5)
  t.is((await pages('/projects', 1)).flat().length, 1)
  t.is((await pages('/hosts', 100)).flat().length, 1)
})

test.serial('what is created while someone turns pages moves nothing', async (t) => {
  const first = await app.request('GET', '/databases?limit=2')
  await app.request('POST', '/databases', { body: { name: 'meanwhile' } })
  const second = await app.request('GET', `/databases?limit=2&cursor=${first.body.nextCursor}`)
  t.deepEqual(
    second.body.data.map(({ name }) => name),
    ['page-2', 'page-1'],
  )
})

test.serial('limits and cursors are what they may be', async (t) => {
  const bad = [
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1.5',
    'limit=',
    'limit=0x10',
    'limit=1&limit=2',
    'limit=ten',
  ]
  const cursors = [
    'cursor=',
    'cursor=x',
    'cursor=%00',
    `cursor=${Buffer.from("db_' or 1=1").toString('base64url')}`,
  ]
  for (const text of [...bad, ...cursors]) {
    const { status, body } = await app.request('GET', `/databases?${text}`)
    t.is(status, 400, text)
    t.is(body.errors[0]?.field, text.split('=')[0], text)
  }
})

test.serial('operations are found by state and by database', async (t) => {
  const { body } = await app.request('POST', '/databases', { body: { name: 'filtered' } })
  await app.request('POST', `/databases/${body.id}/reset-password`)
  app.worker.outcome = 'hold'
  await app.request('DELETE', `/databases/${body.id}`, { headers: { prefer: 'wait=0' } })
  const kinds = async (text: string) =>
    (await app.request('GET', `/operations?${text}`)).body.data.map(({ kind }) => kind)
  t.deepEqual(await kinds(`database=${body.id}`), ['delete-database', 'reset-password', 'create-database'])
  t.deepEqual(await kinds(`database=${body.id}&state=queued`), ['delete-database'])
  t.deepEqual(await kinds('state=failed'), [])
  t.deepEqual(await kinds(`database=db_${'0'.repeat(32)}`), [])
  for (const text of ['state=done', 'database=x', 'database=%00']) {
    t.is((await app.request('GET', `/operations?${text}`)).status, 400, text)
  }
  app.worker.outcome = 'succeed'
})

test.serial('an operation shows its steps', async (t) => {
  const { body } = await app.request('POST', '/databases', { body: { name: 'stepped' } })
  const { body: operation } = await app.request('GET', `/operations/${body.operation.id}`)
  t.deepEqual(
    operation.steps.map(({ name, state, attempts }) => ({ name, state, attempts })),
    ['instance', 'role', 'open', 'verify'].map((name) => ({ name, state: 'done', attempts: 1 })),
  )
  t.deepEqual(Object.keys(operation.steps[0] ?? {}), [
    'name',
    'state',
    'attempts',
    'detail',
    'startedAt',
    'finishedAt',
  ])
})

test.serial('nothing about a host is green by default', async (t) => {
  const statusWhen = async (set: string) => {
    await query(app.database.owner, `update host set ${set} where id = $1`, [app.host.id])
    const { body } = await app.request('GET', `/hosts/${app.host.id}`)
    return body
  }
  t.is((await statusWhen(`observation = 'never', observed_at = null`)).status, 'preparing')
  t.is((await statusWhen(`observation = 'ready', observed_at = now()`)).status, 'ready')
  t.is((await statusWhen(`observation = 'failed', observed_at = now()`)).status, 'failed')
  const stale = await statusWhen(`observation = 'ready', observed_at = now() - interval '1 hour'`)
  t.is(stale.status, 'unknown')
  const lost = await statusWhen(`observation = 'unreachable'`)
  t.is(lost.status, 'unknown')
  t.is(lost.lastSeenAt, stale.lastSeenAt)
})

test.serial('the certificate of a host is for everybody who knows the host', async (t) => {
  const { status, headers, text } = await app.request('GET', `/hosts/${app.host.id}/ca.pem`, { key: null })
  t.is(status, 200)
  t.is(headers['content-type'], 'application/x-pem-file')
  t.is(text, app.host.caCertificate ?? '')
  await app.addHost('no-ca')
  await query(app.database.owner, `update host set ca_certificate = null where name = 'no-ca'`)
  const { body } = await app.request('GET', '/hosts')
  const none = body.data.find(({ name }) => name === 'no-ca')
  t.is((await app.request('GET', `/hosts/${none?.id}/ca.pem`)).body.code, 'HOST_NOT_FOUND')
})
