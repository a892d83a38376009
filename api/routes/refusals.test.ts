import test from 'ava'
import { startApp } from '../../test/app.ts'
import { fieldsOf } from '../../test/send.ts'

const app = await startApp()
test.after.always(() => app.close())

const PROBLEM = ['type', 'title', 'status', 'code', 'detail', 'requestId', 'retryable', 'errors']

test('every error is a problem with a stable code, also where no route is', async (t) => {
  const answer = await app.request('GET', '/nothing/here', { headers: { 'x-request-id': 'from-the-proxy' } })
  t.is(answer.status, 404)
  t.deepEqual(Object.keys(answer.body), PROBLEM)
  t.like(answer.body, { code: 'NOT_FOUND', requestId: 'from-the-proxy', retryable: false })
  t.like(answer.headers, {
    'content-type': 'application/problem+json',
    'x-request-id': 'from-the-proxy',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
})

test('an unsuitable request id is replaced', async (t) => {
  const answer = await app.request('GET', '/hosts', { headers: { 'x-request-id': 'a b\tc' } })
  t.regex(answer.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/)
})

test('a method that an address does not know is answered with those that it knows', async (t) => {
  const answer = await app.request('PUT', '/databases', { body: {} })
  t.is(answer.body.code, 'METHOD_NOT_ALLOWED')
  t.is(answer.status, 405)
  t.deepEqual(answer.headers.allow?.split(', ').toSorted(), ['GET', 'HEAD', 'POST'])
  t.is((await app.request('PROPFIND', '/databases')).status, 405)
  const health = await app.request('POST', '/../../healthz', { body: {} })
  t.is(health.status, 405)
})

test('bodies that are not JSON objects are refused', async (t) => {
  const post = (body: unknown, headers = {}) => app.request('POST', '/databases', { body, headers })
  const cases: [unknown, Record<string, string>, number, string][] = [
    [Buffer.from('{"name": '), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from('null'), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from('"text"'), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from('{"__proto__": {"name": "proto"}}'), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from('{"allowlist": [{"__proto__": {"cidr": "1.2.3.4"}}]}'), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from('[]'), {}, 400, 'VALIDATION_ERROR'],
    [Buffer.from('['.repeat(30_000)), {}, 400, 'INVALID_REQUEST'],
    [Buffer.from(`${'['.repeat(30_000)}${']'.repeat(30_000)}`), {}, 400, 'VALIDATION_ERROR'],
    [{ name: 'x'.repeat(70_000) }, {}, 413, 'PAYLOAD_TOO_LARGE'],
    [
      Buffer.from('name=form'),
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [Buffer.from('{"name":"plain"}'), { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      { name: 'charset' },
      { 'content-type': 'application/json; charset=utf-99' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [{ name: 'encoded' }, { 'content-encoding': 'rot13' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [Buffer.from('not gzip'), { 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ]
  for (const [body, headers, status, code] of cases) {
    const answer = await post(body, headers)
    const label = `${String(body).slice(0, 60)} ${JSON.stringify(headers)} ${answer.text.slice(0, 300)}`
    t.is(answer.status, status, label)
    t.is(answer.body.code, code, label)
  }
  const chunked = await app.request('POST', '/databases', {
    headers: { 'transfer-encoding': 'chunked', 'content-type': 'application/json' },
    body: { name: 'x'.repeat(70_000) },
  })
  t.is(chunked.status, 413)
})

test('unknown fields and wrong values are refused by name', async (t) => {
  const { body, status } = await app.request('POST', '/databases', {
    body: {
      ...{ name: 'Shop', displayName: 'two\nlines', plan: 'free', project: '../x', allowWide: 'yes' },
      allowlist: [{ cidr: '1.2.3.4', note: 'x' }, { label: 'no cidr' }],
    },
  })
  t.is(status, 400)
  t.is(body.code, 'VALIDATION_ERROR')
  t.deepEqual(fieldsOf(body), [
    '/allowWide',
    '/allowlist/0/note',
    '/allowlist/1/cidr',
    '/displayName',
    '/name',
    '/plan',
    '/project',
  ])
  const unknown = body.errors.find(({ field }) => field === '/plan')
  t.is(unknown?.message, 'is not a field of this request')
  for (const path of ['/databases?page=2', '/hosts?limit=5&__proto__=x', `/hosts/${app.host.id}?verbose=1`]) {
    t.is((await app.request('GET', path)).body.code, 'VALIDATION_ERROR', path)
  }
})

test('names are what they may be', async (t) => {
  const bad = [
    '',
    'ab',
    '1abc',
    '-abc',
    'abc-',
    'a_b',
    'ABC',
    'a b',
    'x'.repeat(51),
    'nul\u0000byte',
    'ümlaut',
    'abc\n',
  ]
  for (const name of bad) {
    const answer = await app.request('POST', '/databases', { body: { name } })
    t.is(answer.body.code, 'VALIDATION_ERROR', JSON.stringify(name))
  }
  for (const displayName of [
    '',
    'nul\u0000byte',
    'bell\u0007',
    'x'.repeat(101),
    'half \ud800',
    'line\u2028sep',
  ]) {
    const answer = await app.request('POST', '/databases', { body: { name: 'displayed', displayName } })
    t.is(answer.body.code, 'VALIDATION_ERROR', JSON.stringify(displayName))
  }
})

test('what cannot be an id is not found, whatever stands in it', async (t) => {
  const nouns: [string, string, string][] = [
    ['/databases/', 'DATABASE_NOT_FOUND', ''],
    ['/databases/', 'DATABASE_NOT_FOUND', '/allowlist'],
    ['/operations/', 'OPERATION_NOT_FOUND', ''],
    ['/hosts/', 'HOST_NOT_FOUND', ''],
    ['/hosts/', 'HOST_NOT_FOUND', '/ca.pem'],
  ]
  const ids = [
    'x',
    '%00',
    '%zz',
    '%F0%28',
    '1%27%20or%201=1',
    'db_',
    `db_${'0'.repeat(32)}`,
    'x'.repeat(3000),
  ]
  for (const [path, code, rest] of nouns) {
    for (const id of [...ids, `op_${'0'.repeat(32)}`, `host_${'0'.repeat(32)}`]) {
      const answer = await app.request('GET', `${path}${id}${rest}`)
      t.is(answer.status, 404, `${path}${id} ${answer.text.slice(0, 200)}`)
      t.is(answer.body.code, code, `${path}${id}`)
    }
  }
  t.is((await app.request('DELETE', '/databases/%00')).status, 404)
  t.is((await app.request('POST', '/databases/%00/reset-password')).status, 404)
  t.is((await app.request('PUT', '/databases/%00/allowlist', { body: { rules: [] } })).status, 404)
})
