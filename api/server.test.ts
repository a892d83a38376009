import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { exportKeyRing, newBoxKeys } from '../common/seal.ts'
import { startApp } from '../test/app.ts'
import { send } from '../test/send.ts'

const app = await startApp()
const folder = mkdtempSync(join(tmpdir(), 'dbhost-test-'))
test.after.always(async () => {
  rmSync(folder, { recursive: true })
  await app.close()
})

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

function startServer(port: number, changed: Record<string, string> = {}): ChildProcess {
  const { host, port: databasePort, user, database } = app.database.server
  return spawn(process.execPath, ['api/server.ts'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...{ DBHOST_DATABASE_HOST: host, DBHOST_DATABASE_PORT: String(databasePort) },
      ...{ DBHOST_DATABASE_USER: user, DBHOST_DATABASE_NAME: database },
      DBHOST_KEY_RING_FILE: file('ring', exportKeyRing(app.keyRing)),
      DBHOST_BOX_PUBLIC_KEY_FILE: file('box', newBoxKeys().publicKey),
      DBHOST_LISTEN: `127.0.0.1:${port}`,
      DBHOST_PUBLIC_ORIGIN: `http://127.0.0.1:${port}`,
      ...changed,
    },
  })
}

test('the server answers who waits before it ends, and logs no secret', async (t) => {
  app.worker.outcome = 'hold'
  const port = await freePort()
  const server = startServer(port)
  t.teardown(() => server.kill('SIGKILL'))
  const output: Buffer[] = []
  server.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
  server.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
  await once(server, 'message')
  const url = `http://127.0.0.1:${port}/api/v1/databases`
  const headers = { prefer: 'wait=60' }
  const waiting = send(url, 'POST', { key: app.key, headers, body: { name: 'waiting' } })
  while ((await app.request('GET', '/operations')).body.data.length === 0);
  const exited = once(server, 'exit')
  server.kill('SIGTERM')
  const answer = await waiting
  t.is(answer.status, 202, answer.text)
  t.is(answer.body.operation.state, 'queued')
  t.deepEqual(await exited, [0, null])
  const log = Buffer.concat(output).toString('utf8')
  t.regex(log, /"msg":"ready"/)
  for (const secret of [answer.body.password, app.key.reveal()]) t.false(log.includes(secret))
  app.worker.outcome = 'succeed'
})

test('a server that cannot be configured ends with the reason', async (t) => {
  const server = startServer(0, { DBHOST_LISTEN: '0.0.0.0:8480' })
  let text = ''
  server.stderr?.on('data', (chunk: Buffer) => {
    text += chunk
  })
  const [code] = await once(server, 'close')
  t.not(code, 0)
  t.regex(text, /DBHOST_LISTEN must be a loopback address/)
})
