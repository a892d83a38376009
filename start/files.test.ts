import { mkdtempSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { writeFileAtomically } from './files.ts'
import { openLog, trimLog } from './log-file.ts'

const scratch = (): string => mkdtempSync(join(tmpdir(), 'dbhost-files-'))

test('a file gets exactly the rights that were asked for, whatever the umask', (t) => {
  const directory = scratch()
  const path = join(directory, 'secret')
  for (const mode of [0o600, 0o644]) {
    writeFileAtomically(path, String(mode), { mode, uid: 65534, gid: 65534 })
    const { mode: found, uid, gid } = statSync(path)
    t.deepEqual([found & 0o777, uid, gid], [mode, 65534, 65534])
    t.is(readFileSync(path, 'utf8'), String(mode))
  }
  t.deepEqual(readdirSync(directory), ['secret'])
})

test('a log that grew too long is cut while its writer goes on', (t) => {
  const path = join(scratch(), 'log')
  const { fd, close } = openLog(path)
  writeSync(fd, 'x'.repeat(17 * 1024 ** 2))
  trimLog(path)
  writeSync(fd, 'after')
  close()
  t.is(readFileSync(path, 'utf8'), 'after')
  t.is(statSync(`${path}.1`).size, 17 * 1024 ** 2)
  trimLog(path)
  t.is(readFileSync(path, 'utf8'), 'after')
})
