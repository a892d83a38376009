import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { exportKeyRing, newBoxKeys, newKeyRing } from '../common/seal.ts'
import { readServerConfig, readWorkerConfig } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'dbhost-config-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const fileOf = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
const box = newBoxKeys()
const shared = {
  DBHOST_DATABASE_HOST: '/run/socket',
  DBHOST_DATABASE_USER: 'role',
  DBHOST_DATABASE_NAME: 'dbhost',
  DBHOST_KEY_RING_FILE: fileOf('ring', exportKeyRing(newKeyRing())),
}
const server = {
  ...shared,
  DBHOST_BOX_PUBLIC_KEY_FILE: fileOf('box.pub', `${box.publicKey}\n`),
  DBHOST_LISTEN: '127.0.0.1:8080',
  DBHOST_PUBLIC_ORIGIN: 'http://127.0.0.1:8080',
}
const worker = { ...shared, DBHOST_BOX_PRIVATE_KEY_FILE: fileOf('box', box.privateKey.reveal()) }

test('a server reads its settings once, frozen, with defaults', (t) => {
  const config = readServerConfig(server)
  t.true(Object.isFrozen(config))
  t.like(config, { listen: { host: '127.0.0.1', port: 8080 }, logLevel: 'info', boxPublicKey: box.publicKey })
  t.deepEqual(config.database, { host: '/run/socket', port: 5432, user: 'role', database: 'dbhost' })
  t.deepEqual(readServerConfig({ ...server, DBHOST_LISTEN: '[::1]:1' }).listen, { host: '::1', port: 1 })
})

test('a worker reads its own, and knows a dead predecessor by name', (t) => {
  const config = readWorkerConfig({ ...worker, DBHOST_WORKER_ID: 'w2', DBHOST_PREDECESSOR: 'w1' })
  t.like(config, { workerId: 'w2', predecessor: 'w1' })
  t.is(config.boxPrivateKey.reveal(), box.privateKey.reveal())
  t.is(readWorkerConfig({ ...worker, DBHOST_PREDECESSOR: '' }).predecessor, undefined)
  t.not(readWorkerConfig(worker).workerId, '')
})

test('each missing variable is named', (t) => {
  for (const name of Object.keys(server)) {
    t.throws(() => readServerConfig({ ...server, [name]: undefined }), { message: new RegExp(name) })
  }
  for (const name of Object.keys(worker)) {
    t.throws(() => readWorkerConfig({ ...worker, [name]: '' }), { message: new RegExp(name) })
  }
})

test('each wrong variable is named, and no file is quoted', (t) => {
  const secret = fileOf('broken', '{"keys": "very secret"')
  const cases: Record<string, string[]> = {
    DBHOST_DATABASE_PORT: ['x', '70000', '-1', '1e3'],
    DBHOST_LISTEN: ['8080', '127.0.0.1', '127.0.0.1:99999', 'localhost:1'],
    DBHOST_PUBLIC_ORIGIN: ['dbhost.example', 'https://dbhost.example/', 'ftp://dbhost.example'],
    DBHOST_KEY_RING_FILE: [secret, join(folder, 'none')],
    DBHOST_BOX_PUBLIC_KEY_FILE: [secret],
    DBHOST_LOG_LEVEL: ['loud'],
  }
  for (const [name, values] of Object.entries(cases)) {
    for (const value of values) {
      const error = t.throws(() => readServerConfig({ ...server, [name]: value }), undefined, value)
      t.true(error?.message.includes(name), `${name}=${value}: ${error?.message}`)
      t.false(error?.message.includes('very secret'))
    }
  }
})
