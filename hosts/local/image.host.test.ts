import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { IMAGE_CACHE, prepareImage } from './image.ts'
import { withLock } from './lock.ts'
import { attempt } from './run.ts'

test.serial('a mirror that does not serve Debian is named, and nothing is left', async (t) => {
  await t.throwsAsync(
    prepareImage(() => {}, { mirror: 'http://127.0.0.1:9/debian/' }),
    { message: /^no package mirror .*http:\/\/127\.0\.0\.1:9\/debian\).*DBHOST_DEBIAN_MIRROR/ },
  )
  t.deepEqual(await withLock('image', unfinished), [])
})

test.serial('a build that is killed takes its processes along, and the next one starts anew', async (t) => {
  const module = new URL('./image.ts', import.meta.url).href
  // Another spelling of the same mirror is another recipe, so that there is something to build.
  const mirror = `http://deb.debian.org/./debian`
  const script = `const { prepareImage } = await import('${module}')
    await prepareImage(console.log, { mirror: '${mirror}' })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  await sleep(1500)
  const [left, ...others] = await unfinished()
  t.deepEqual(others, [])
  child.kill('SIGKILL')
  await sleep(200)
  const { stdout } = await attempt(['pgrep', '--full', `${left}`])
  t.is(stdout, '')
  await t.throwsAsync(prepareImage(() => {}, { mirror: 'http://127.0.0.1:9/debian' }))
  t.false(existsSync(`${IMAGE_CACHE}/${left}`))
})

const unfinished = async (): Promise<string[]> =>
  (await readdir(IMAGE_CACHE)).filter((name) => name.startsWith('.building-'))
