import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { type Program, saysReady, supervise } from './supervise.ts'

function program(script: string): Program {
  const directory = mkdtempSync(join(tmpdir(), 'dbhost-supervise-'))
  return {
    name: 'thing',
    command: [process.execPath, '--input-type=module', '-e', script],
    directory: '/',
    uid: 65534,
    gid: 65534,
    environment: () => ({ GIVEN: 'yes' }),
    logFile: join(directory, 'log'),
    ready: saysReady,
    stopSignal: 'SIGTERM',
    stopMs: 500,
    channel: true,
  }
}

const SERVE = "process.send({ ready: true }); console.log('up'); setInterval(() => {}, 1000)"

async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    if (looks > 500) throw new Error('it never came true')
    await sleep(10)
  }
}

test('what dies is started again with a clean environment of its own', async (t) => {
  const said: string[] = []
  const given = program(
    `console.log(JSON.stringify([process.getuid(), Object.keys(process.env).sort(), process.umask()])); ${SERVE}`,
  )
  const thing = supervise(given, (text) => said.push(text))
  await thing.ready
  const { pid } = thing
  if (pid === undefined) return t.fail('it does not run')
  t.is(
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3],
    String(pid),
    'its own session',
  )
  process.kill(pid, 'SIGKILL')
  await until(() => thing.pid !== undefined && thing.pid !== pid)
  t.deepEqual(said, ['thing ended (SIGKILL); starting it again'])
  await thing.stop()
  t.is(thing.pid, undefined)
  const [uid, names, umask] = JSON.parse(readFileSync(given.logFile, 'utf8').split('\n')[0] ?? '')
  t.deepEqual([uid, umask], [65534, 0o077])
  t.deepEqual(names, ['GIVEN', 'LANG', 'PATH', 'PWD', 'TZ'])
})

test('a program that never becomes ready is given up with a sentence', async (t) => {
  const thing = supervise(program('process.exit(3)'), () => {})
  await t.throwsAsync(thing.ready, { message: /thing does not start: its last words are in/ })
  await thing.stop()
})

test('a program that does not wind up in time is killed', async (t) => {
  const thing = supervise(program(`process.on('SIGTERM', () => {}); ${SERVE}`), () => {})
  await thing.ready
  const began = Date.now()
  await thing.stop()
  t.true(Date.now() - began >= 450 && Date.now() - began < 3000)
})
