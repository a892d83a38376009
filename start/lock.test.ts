import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { takeLock } from './lock.ts'

const scratch = (): Promise<string> => mkdtemp(join(tmpdir(), 'dbhost-lock-'))

test('who comes second learns who holds it, and gets it after its release', async (t) => {
  const file = join(await scratch(), 'lock')
  const first = takeLock(file, 'first')
  const second = takeLock(file, 'second')
  t.true('holder' in second && second.holder?.pid === process.pid && second.holder.command === 'first')
  if ('lock' in first) first.lock.release()
  t.true('lock' in takeLock(file, 'third'))
})

test('SIGKILL of the holder frees it, though the children of the holder live on', async (t) => {
  const file = join(await scratch(), 'lock')
  const script = `
    import { spawn } from 'node:child_process'
    import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
    takeLock(${JSON.stringify(file)}, 'child')
    spawn('sleep', ['20'], { detached: true, stdio: 'ignore' })
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  t.true('holder' in takeLock(file, 'me'))
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.true('lock' in takeLock(file, 'me'))
})
