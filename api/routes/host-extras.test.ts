import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { fieldsOf } from '../../test/send.ts'
import { createApiKey } from '../services/accounts.ts'

const app = await startApp()
test.after.always(() => app.close())

const PATH = '/hosts/local-1/extras'
const RULE = { description: 'node exporter', port: 9100, sources: ['203.0.113.7'] }
const revision = async (): Promise<number> =>
  Number(
    (
      await query<{ revision: number }>(
        app.database.owner,
        'select revision from host_revision where host_id = $1',
        [app.host.id],
      )
    )[0]?.revision,
  )
const count = async (kind: string): Promise<number> =>
  Number(
    (
      await query<{ count: string }>(app.database.owner, 'select count(*) from operation where kind = $1', [
        kind,
      ])
    )[0]?.count,
  )

test.serial('what is added is kept in its canonical form, and the host is brought to it', async (t) => {
  const before = await revision()
  const { status, body } = await app.request('PUT', PATH, {
    body: {
      labels: { team: 'data' },
      rules: [{ ...RULE, sources: ['203.0.113.9', '203.0.113.0/24', '2001:DB8::/48'] }],
    },
  })
  t.is(status, 200)
  t.is(body.operation.kind, 'converge-host')
  const rules = [{ ...RULE, sources: ['2001:db8::/48', '203.0.113.0/24'] }]
  const kept = await app.request('GET', PATH)
  t.deepEqual(kept.body as unknown, { labels: { team: 'data' }, rules })
  const { body: document } = await app.request('GET', '/hosts/local-1/document')
  t.like(document, { spec: { extras: { rules } }, edgeDigest: null })
  t.true((await revision()) > before)
})

test.serial('the same again changes nothing', async (t) => {
  await app.worker.idle()
  const before = await revision()
  const { body: kept } = await app.request('GET', PATH)
  const { body } = await app.request('PUT', PATH, { body: kept })
  t.is(body.operation, null as never)
  t.is(await revision(), before)
})

test.serial('a preview keeps nothing; whoever runs the stack brings it to the host', async (t) => {
  const before = await count('converge-host')
  const preview = await app.request('PUT', `${PATH}?preview=true`, { body: { rules: [RULE] } })
  t.like(preview.body, { rules: [{ sources: ['203.0.113.7/32'] }], operation: null })
  t.like((await app.request('GET', PATH)).body, { labels: { team: 'data' } })
  const byHand = await app.request('PUT', `${PATH}?by=ops@desk`, { body: { rules: [RULE] } })
  t.is(byHand.body.operation, null as never)
  t.like((await app.request('GET', PATH)).body, { labels: {}, rules: [{ port: 9100 }] })
  t.is(await count('converge-host'), before)
})

test.serial('wrong additions are refused by field', async (t) => {
  const rule = (more: object) => ({ rules: [{ ...RULE, ...more }] })
  const wrong: [object, string][] = [
    [rule({ port: 6432 }), '/rules/0/port'],
    [rule({ port: 22 }), '/rules/0/port'],
    [rule({ port: 0 }), '/rules/0/port'],
    [rule({ port: 9100.5 }), '/rules/0/port'],
    [rule({ sources: [] }), '/rules/0/sources'],
    [rule({ sources: ['any'] }), '/rules/0/sources/0'],
    [rule({ description: 'x" accept; #' }), '/rules/0/description'],
    [rule({ description: '' }), '/rules/0/description'],
    [{ rules: [RULE, RULE] }, '/rules'],
    [{ rules: Array.from({ length: 21 }, (_, index) => ({ ...RULE, port: 9000 + index })) }, '/rules'],
    [{ labels: { 'dbhost-host': 'x' } }, '/labels/dbhost-host'],
    [{ labels: { team: 'a b' } }, '/labels/team'],
    [{ tags: {} }, '/tags'],
  ]
  for (const [body, field] of wrong) {
    const answer = await app.request('PUT', PATH, { body })
    t.is(answer.status, 400, field)
    t.deepEqual(fieldsOf(answer.body), [field])
  }
})

test.serial('only operators add to a host', async (t) => {
  const { key } = await createApiKey(app.em, app.accountId, 'plain')
  t.is((await app.request('GET', PATH, { key })).body.code, 'KEY_SCOPE_DENIED')
  t.is((await app.request('PUT', PATH, { key, body: {} })).body.code, 'KEY_SCOPE_DENIED')
})
