import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { newDatabase } from '../../test/database.ts'
import { awaitDatabase } from './await-database.ts'

test('a database that is not there yet is waited for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dbhost-await-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const address = { host: folder, port: 5432, user: 'somebody', database: 'nothing' }
  let done = false
  const waiting = awaitDatabase(address).finally(() => {
    done = true
  })
  await sleep(600)
  t.false(done)
  // What PostgreSQL answers while it is starting up, then what it answers to a stranger.
  const refusal = (code: string, text: string): Buffer => {
    const fields = Buffer.from(`SFATAL\0C${code}\0M${text}\0\0`)
    const head = Buffer.from('E\0\0\0\0')
    head.writeUInt32BE(fields.length + 4, 1)
    return Buffer.concat([head, fields])
  }
  let asked = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      asked += 1
      const starting = asked < 3
      socket.end(
        starting
          ? refusal('57P03', 'the database system is starting up')
          : refusal('28000', 'role "somebody" does not exist'),
      )
    })
  })
  server.listen(join(folder, '.s.PGSQL.5432'))
  t.teardown(() => server.close())
  await t.throwsAsync(waiting, { message: /role "somebody" does not exist/ })
  t.is(asked, 3)
})

test('one that answers is not waited for', async (t) => {
  await t.notThrowsAsync(awaitDatabase((await newDatabase()).worker))
})
