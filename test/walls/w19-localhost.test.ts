import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readServerConfig } from '../../api/config.ts'
import { exportKeyRing, newBoxKeys, newKeyRing } from '../../common/seal.ts'
import { startApp } from '../app.ts'
import { query } from '../database.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { rawRequest } from '../raw-request.ts'
import type { Answer } from '../send.ts'

const app = await startApp()
const folder = mkdtempSync(join(tmpdir(), 'dbhost-w19-'))
test.after.always(async () => {
  rmSync(folder, { recursive: true })
  await app.close()
})

const { host: ORIGIN_HOST, port: PORT } = new URL(app.origin)
const CLOSE = 'Connection: close'
const bearer = `Authorization: Bearer ${app.key.reveal()}`

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}
const settings = {
  ...{ DBHOST_DATABASE_HOST: '/run/socket', DBHOST_DATABASE_USER: 'role', DBHOST_DATABASE_NAME: 'dbhost' },
  DBHOST_KEY_RING_FILE: file('ring', exportKeyRing(newKeyRing())),
  DBHOST_BOX_PUBLIC_KEY_FILE: file('box', newBoxKeys().publicKey),
  ...{ DBHOST_LISTEN: '127.0.0.1:8480', DBHOST_PUBLIC_ORIGIN: 'http://127.0.0.1:8480' },
}

test('W19 a server that would listen beyond loopback is refused with a sentence', (t) => {
  const elsewhere = [
    ...['0.0.0.0:80', '[::]:80', '192.0.2.1:80', '[2001:db8::1]:80', '[::ffff:192.0.2.1]:80', '*:80'],
    ...[
      '0:80',
      '[::ffff:0.0.0.0]:80',
      '[::ffff:127.0.0.1]:80',
      '127.0.0.2:80',
      'localhost:80',
      '0x7f000001:80',
    ],
  ]
  for (const DBHOST_LISTEN of elsewhere) {
    const read = () => readServerConfig({ ...settings, DBHOST_LISTEN })
    t.throws(read, { message: /must be a loopback address: put a proxy that speaks TLS/ }, DBHOST_LISTEN)
  }
  for (const DBHOST_LISTEN of ['127.0.0.1:80', '[::1]:80']) {
    t.notThrows(() => readServerConfig({ ...settings, DBHOST_LISTEN }))
  }
})

test('W19 an origin beyond loopback without TLS is refused with a sentence', (t) => {
  for (const DBHOST_PUBLIC_ORIGIN of [
    'http://dbhost.example',
    'http://192.0.2.1:8480',
    'http://[2001:db8::1]',
  ]) {
    const read = () => readServerConfig({ ...settings, DBHOST_PUBLIC_ORIGIN })
    t.throws(read, { message: /DBHOST_PUBLIC_ORIGIN .* https:/ }, DBHOST_PUBLIC_ORIGIN)
  }
  for (const DBHOST_PUBLIC_ORIGIN of [
    'https://dbhost.example',
    'http://localhost:8480',
    'http://[::1]:8480',
  ]) {
    t.notThrows(() => readServerConfig({ ...settings, DBHOST_PUBLIC_ORIGIN }), DBHOST_PUBLIC_ORIGIN)
  }
})

/** Other names for this server, and names that somebody else can make point to it. */
const FOREIGN_HOSTS = [
  ...['evil.example', `evil.example:${PORT}`, `127.0.0.1.nip.io:${PORT}`, `localhost.evil.example:${PORT}`],
  ...['127.0.0.1', 'localhost', '127.0.0.1:1', '127.0.0.1:', `127.0.0.1:0${PORT}`, `127.0.0.1:${PORT}0`],
  ...[
    `localhost.:${PORT}`,
    `127.0.0.1.:${PORT}`,
    `[::1]:${PORT}`,
    `[::ffff:127.0.0.1]:${PORT}`,
    `[::]:${PORT}`,
  ],
  ...[`0.0.0.0:${PORT}`, `0:${PORT}`, `127.1:${PORT}`, `127.0.0.2:${PORT}`, `2130706433:${PORT}`],
  ...[
    `0x7f.0.0.1:${PORT}`,
    `017700000001:${PORT}`,
    `user@${ORIGIN_HOST}`,
    `${ORIGIN_HOST}/`,
    `${ORIGIN_HOST}#`,
  ],
  ...[`${ORIGIN_HOST}, evil.example`, `evil.example, ${ORIGIN_HOST}`, `%31%32%37.0.0.1:${PORT}`],
  ...[`ｌocalhost:${PORT}`, `http://${ORIGIN_HOST}`, `//${ORIGIN_HOST}`, ''],
]

test('W19 a request for another host is misdirected, with a good key and on every path', async (t) => {
  for (const host of FOREIGN_HOSTS) {
    for (const path of [
      '/healthz',
      '/readyz',
      '/api/v1/databases',
      `/api/v1/hosts/${app.host.id}/ca.pem`,
      '/x',
    ]) {
      const head = [`GET ${path} HTTP/1.1`, `Host: ${host}`, bearer, CLOSE]
      const { status, text } = await rawRequest(app.origin, head)
      t.is(status, 421, `${host} ${path}`)
      t.is(JSON.parse(text).code, 'MISDIRECTED_REQUEST')
    }
  }
  for (const host of [ORIGIN_HOST, `localhost:${PORT}`, `LOCALHOST:${PORT}`, `LocalHost:${PORT}`]) {
    const head = ['GET /api/v1/databases HTTP/1.1', `Host: ${host}`, bearer, CLOSE]
    t.is((await rawRequest(app.origin, head)).status, 200, host)
  }
})

test('W19 no header and no request line names a host in the place of the one Host header', async (t) => {
  const status = async (...head: string[]) => (await rawRequest(app.origin, [...head, bearer, CLOSE])).status
  const evil = 'Host: evil.example'
  const forwarded = [
    ...[`X-Forwarded-Host: ${ORIGIN_HOST}`, `X-Original-Host: ${ORIGIN_HOST}`, `X-Host: ${ORIGIN_HOST}`],
    ...[`Forwarded: host=${ORIGIN_HOST};proto=http`, `X-Forwarded-Server: ${ORIGIN_HOST}`],
  ]
  for (const header of forwarded) t.is(await status('GET /healthz HTTP/1.1', evil, header), 421, header)
  const own = `Host: ${ORIGIN_HOST}`
  const targets = [
    ...['http://evil.example/healthz', `http://${ORIGIN_HOST}/healthz`, `HTTP://${ORIGIN_HOST}/healthz`],
    ...[`http://user@${ORIGIN_HOST}/healthz`, `https://${ORIGIN_HOST}/healthz`],
  ]
  for (const target of targets) {
    t.is(await status(`GET ${target} HTTP/1.1`, own), 421, target)
    t.is(await status(`GET ${target} HTTP/1.1`, evil), 421, target)
  }
  t.is(await status('OPTIONS * HTTP/1.1', own), 421)
  t.is(await status('GET /healthz HTTP/1.1', own, evil), 421, 'two, the good one first')
  t.is(await status('GET /healthz HTTP/1.1', evil, own), 421, 'two, the good one last')
  t.is(await status('GET /healthz HTTP/1.1', own, own), 421, 'the same twice')
  t.is(await status('GET /healthz HTTP/1.1'), 421, 'none')
  t.is(await status('GET /healthz HTTP/1.0'), 421, 'none, and of an old version')
})

/** What a page of somebody else, or an extension of the browser, can add. */
const FOREIGN_PAGES: Record<string, string>[] = [
  { origin: 'https://evil.example', referer: 'https://evil.example/page', 'sec-fetch-site': 'cross-site' },
  { origin: 'null', 'sec-fetch-mode': 'no-cors' },
  { origin: app.origin, 'sec-fetch-site': 'same-origin' },
]
const plain = ({ status, body, headers }: Answer) => {
  const { requestId: _, ...rest } = body
  return { status, body: rest, names: new Set(Object.keys(headers)) }
}

test.serial(
  'W19 the origin of a page changes no answer, and no answer is given to other origins',
  async (t) => {
    const gets = app.routes.filter((route) => route.startsWith('GET ')).map((route) => route.slice(4))
    const paths = gets.map((path) => path.replace('/hosts/:id', `/hosts/${app.host.id}`).replace(':id', 'x'))
    t.true(paths.length >= 9)
    for (const path of paths.map((path) => `/../..${path}`)) {
      const without = await app.request('GET', path)
      for (const headers of FOREIGN_PAGES) {
        t.deepEqual(plain(await app.request('GET', path, { headers })), plain(without), path)
        const asked = { ...headers, 'access-control-request-method': 'POST' }
        const preflight = await app.request('OPTIONS', path, { headers: asked })
        for (const { headers: answered } of [without, preflight]) {
          const names = Object.keys(answered)
          t.false(
            names.some((name) => name.startsWith('access-control-') || name === 'set-cookie'),
            path,
          )
        }
      }
    }
  },
)

test.serial(
  'W19 a foreign page changes nothing without the key, and a key works from anywhere',
  async (t) => {
    const databases = async (): Promise<number> =>
      Number((await query<{ n: string }>(app.database.owner, 'select count(*) n from database'))[0]?.n)
    const before = await databases()
    const body = { name: 'from-a-page' }
    for (const headers of FOREIGN_PAGES) {
      t.is((await app.request('POST', '/databases', { body, headers, key: null })).status, 401)
      const form = { ...headers, 'content-type': 'text/plain' }
      t.is((await app.request('POST', '/databases', { body, headers: form })).status, 415)
    }
    t.is(await databases(), before)
    const [page = {}] = FOREIGN_PAGES
    t.is((await app.request('POST', '/databases', { body, headers: page })).status, 201)
  },
)

test('W19 a key counts in the Authorization header alone: no cookie, no address, no body', async (t) => {
  const key = app.key.reveal()
  const places: { path?: string; headers?: Record<string, string>; body?: unknown }[] = [
    ...[`key=${key}`, `session=${key}`, `Authorization=Bearer ${key}`].map((cookie) => ({
      headers: { cookie },
    })),
    ...['key', 'api_key', 'access_token', 'authorization'].map((name) => ({
      path: `/projects?${name}=${key}`,
    })),
    ...['x-api-key', 'x-auth-token', 'proxy-authorization'].map((name) => ({ headers: { [name]: key } })),
    { headers: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` } },
    { headers: { authorization: key } },
  ]
  for (const { path = '/projects', headers = {} } of places) {
    const { status, headers: answered } = await app.request('GET', path, { key: null, headers })
    t.is(status, 401, JSON.stringify({ path, headers }))
    t.is(answered['set-cookie'], undefined)
  }
  const written = await app.request('POST', '/projects', { key: null, body: { name: 'in-body', key } })
  t.is(written.status, 401)
  const sources = globSync('{api,common}/**/*.ts').filter((name) => !name.endsWith('.test.ts'))
  t.true(sources.length > 50)
  t.deepEqual(
    sources.filter((name) => /cookie/i.test(readFileSync(name, 'utf8'))),
    [],
  )
})

notYetBuilt('W19', [
  'sign-in link: second, late and prefetched redemption',
  'CLI sends no key over plain HTTP beyond loopback',
])
