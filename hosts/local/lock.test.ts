import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { withLock } from './lock.ts'

const directory = await mkdtemp(join(tmpdir(), 'dbhost-lock-'))
test.after.always(() => rm(directory, { recursive: true }))

test('one at a time, and a failure releases the lock', async (t) => {
  const file = join(directory, 'one.lock')
  let inside = 0
  const work = async (): Promise<void> => {
    t.is(++inside, 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    inside--
    throw new Error('failed')
  }
  const results = await Promise.allSettled([1, 2, 3, 4].map(() => withLock(file, work)))
  t.deepEqual(
    results.map((result) => result.status),
    Array(4).fill('rejected'),
  )
})

test('waiting has an end', async (t) => {
  const file = join(directory, 'busy.lock')
  await withLock(file, async () => {
    await t.throwsAsync(
      withLock(file, async () => {}, 100),
      { message: /held by another process/ },
    )
  })
})

test('a lock whose file was removed by its holder is taken anew', async (t) => {
  const file = join(directory, 'gone.lock')
  const first = withLock(file, async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    await rm(file)
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await withLock(file, async () => t.true((await stat(file)).isFile()))
  await first
})

test('SIGKILL of the holder releases the lock', async (t) => {
  const file = join(directory, 'killed.lock')
  const module = new URL('./lock.ts', import.meta.url).href
  const script = `const { withLock } = await import('${module}')
    await withLock('${file}', () => { console.log('held'); return new Promise((r) => setTimeout(r, 60000)) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  await t.throwsAsync(withLock(file, async () => {}, 100))
  child.kill('SIGKILL')
  t.is(await withLock(file, async () => 'free', 2000), 'free')
})
