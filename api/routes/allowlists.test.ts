import test from 'ava'
import { CONTROL_PLANE, startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'

const app = await startApp()
test.after.always(() => app.close())

const create = (name: string, more: object) => app.request('POST', '/databases', { body: { name, ...more } })

test('rules are replaced, and what was read can be sent back', async (t) => {
  const { body } = await create('replaced', { allowlist: [{ cidr: '203.0.113.9', label: 'office' }] })
  t.deepEqual(body.allowlist, [{ cidr: '203.0.113.9/32', label: 'office' }])
  const path = `/databases/${body.id}/allowlist`
  const rules = [{ cidr: '2001:db8::/48', label: 'vpn' }, { cidr: '::ffff:198.51.100.1' }]
  const put = await app.request('PUT', path, { body: { rules } })
  t.is(put.status, 200, put.text)
  t.like(put.body.operation, { kind: 'set-allowlist', state: 'succeeded' })
  const read = await app.request('GET', path)
  t.deepEqual(read.body.rules, [
    { cidr: '2001:db8::/48', label: 'vpn' },
    { cidr: '198.51.100.1/32', label: null },
  ])
  t.deepEqual(put.body.rules, read.body.rules)
  const back = await app.request('PUT', path, { body: { rules: read.body.rules } })
  t.deepEqual(back.body.rules, read.body.rules)
})

test('no list is the own address, an empty one is nobody', async (t) => {
  const own = await create('own-address', {})
  t.deepEqual(
    own.body.allowlist,
    CONTROL_PLANE.map((cidr) => ({ cidr, label: 'this computer' })),
  )
  const nobody = await create('nobody', { allowlist: [] })
  t.deepEqual(nobody.body.allowlist, [])
})

test('the address of a caller behind a proxy is not known', async (t) => {
  const sent = { body: { name: 'proxied' }, headers: { 'x-forwarded-for': '203.0.113.7' } }
  const { status, body } = await app.request('POST', '/databases', sent)
  t.is(status, 422)
  t.is(body.code, 'ALLOWLIST_REQUIRED')
  t.is(body.errors[0]?.field, '/allowlist')
})

test('a loopback caller of an ssh host must say who may connect', async (t) => {
  await app.addHost('bought')
  await query(app.database.owner, `update host set spec = spec || '{"kind": "ssh"}' where name = 'bought'`)
  const { status, body } = await create('on-bought', { host: 'bought' })
  t.is(status, 422)
  t.is(body.code, 'ALLOWLIST_REQUIRED')
  t.is((await create('on-bought', { host: 'bought', allowlist: [] })).status, 201)
})

test('bad rules are refused by their place', async (t) => {
  const { body } = await create('strict', { allowlist: [] })
  const put = async (rules: unknown, more: object = {}) => {
    const { status, body: problem } = await app.request('PUT', `/databases/${body.id}/allowlist`, {
      body: { rules, ...more },
    })
    t.is(status, 400)
    return problem.errors.map(({ field }) => field)
  }
  t.deepEqual(await put([{ cidr: 'localhost' }]), ['/rules/0/cidr'])
  t.deepEqual(await put([{ cidr: '1.2.3.4' }, { cidr: '1.2.3.4/32' }]), ['/rules/1/cidr'])
  t.deepEqual(await put([{ cidr: '1.2.3.4', label: 'a\nb' }]), ['/rules/0/label'])
  t.deepEqual(await put([{ cidr: '1.2.3.4', label: 'x'.repeat(101) }]), ['/rules/0/label'])
  t.deepEqual(await put(Array.from({ length: 101 }, (_, index) => ({ cidr: `10.0.0.${index}` }))), ['/rules'])
  t.deepEqual(await put([], { expires: 'never' }), ['/expires'])
  t.deepEqual(await put(undefined), ['/rules'])
})
