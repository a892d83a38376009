import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { Account } from '../model/account.ts'
import { createApiKey } from './accounts.ts'

interface Document {
  revision: number
  allow: string[]
  holdsDatabases: boolean
}

const app = await startApp()
test.after.always(() => app.close())

const document = async (host = 'local-1'): Promise<Document> => {
  const { status, body } = await app.request('GET', `/hosts/${host}/document`)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body as unknown as Document
}

test.serial('each change of what a host must be raises the revision of its document', async (t) => {
  await app.addHost('changing')
  let { revision } = await document('changing')
  const raised = async (what: string): Promise<Document> => {
    const now = await document('changing')
    t.true(now.revision > revision, what)
    revision = now.revision
    return now
  }
  const create = { name: 'revised', host: 'changing', allowlist: [{ cidr: '203.0.113.7' }] }
  const { body } = await app.request('POST', '/databases', { body: create })
  t.like(await raised('create'), { allow: ['203.0.113.7/32'], holdsDatabases: true })
  const rules = [{ cidr: '198.51.100.0/24' }]
  await app.request('PUT', `/databases/${body.id}/allowlist`, { body: { rules } })
  t.deepEqual((await raised('allowlist')).allow, ['198.51.100.0/24'])
  await query(
    app.database.owner,
    `update host set spec = spec || '{"addresses": []}' where name = 'changing'`,
  )
  await raised('spec')
  await app.request('POST', `/databases/${body.id}/reset-password`)
  t.is((await document('changing')).revision, revision, 'a password is no part of the document')
  await app.request('DELETE', `/databases/${body.id}`)
  t.like(await raised('delete'), { allow: [], holdsDatabases: false })
})

test.serial('changes at the same time wait for each other, and none is refused for it', async (t) => {
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      app.request('POST', '/databases', { body: { name: `busy-${index}`, allowlist: [] } }),
    ),
  )
  const changes = made.flatMap(({ body }, index) => [
    app.request('POST', '/databases', {
      body: { name: `more-${index}`, allowlist: [{ cidr: `10.1.0.${index}` }] },
    }),
    app.request('PUT', `/databases/${body.id}/allowlist`, { body: { rules: [{ cidr: `10.2.0.${index}` }] } }),
    app.request('DELETE', `/databases/${body.id}`),
  ])
  for (const { status, body } of await Promise.all(changes)) {
    t.true([200, 201, 202, 204, 404, 409].includes(status), `${status} ${JSON.stringify(body)}`)
  }
})

test.serial('the document is for operators, and names who asked for it by hand', async (t) => {
  const account = app.em.fork().getReference(Account, app.accountId)
  const { key } = await createApiKey(app.em, account.id, 'no operator')
  t.is((await app.request('GET', '/hosts/local-1/document', { key })).status, 403)
  t.is((await app.request('GET', '/hosts/nobody/document')).status, 404)
  t.is((await app.request('GET', '/hosts/local-1/document?by=a%0Ab')).status, 400)
  t.is((await app.request('GET', '/hosts/local-1/document?by=me@box')).status, 200)
  const [event] = await query(
    app.database.owner,
    `select details from audit_event where action = 'host.document'`,
  )
  t.deepEqual(event, { details: { by: 'me@box' } })
})
