import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { endProcessesOf, identify, isAlive, processesOf } from './processes.ts'

// Numbers that no user of this computer has.
const STUBBORN = 64_901
const INSIDE = 64_902

async function started(argv: [string, ...string[]]): Promise<ChildProcess> {
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout ?? child, 'data')
  return child
}

test('a process is found by its owner and ended, also where it ignores SIGTERM', async (t) => {
  const script = "trap '' TERM; echo up; while :; do sleep 0.1; done"
  const child = await started(['setpriv', `--reuid=${STUBBORN}`, '--clear-groups', 'sh', '-c', script])
  const found = processesOf([STUBBORN])
  t.true(found.some(({ pid, argv }) => pid === child.pid && argv.includes(script)))
  await endProcessesOf([STUBBORN], 200)
  t.deepEqual(processesOf([STUBBORN]), [])
})

test('a process of the same number inside another PID namespace is not ours', async (t) => {
  const inside = [
    'setpriv',
    `--reuid=${INSIDE}`,
    '--clear-groups',
    'sh',
    '-c',
    'echo up; sleep 20; :',
  ] as const
  const child = await started(['unshare', '--pid', '--fork', '--kill-child', ...inside])
  t.deepEqual(processesOf([INSIDE]), [])
  child.kill('SIGKILL')
})

test('a number that was given to another process is not taken for the first', (t) => {
  const me = identify(process.pid)
  t.true(me !== undefined && isAlive(me))
  t.false(isAlive({ pid: process.pid, started: '1' }))
  t.is(identify(2 ** 22 + 1), undefined)
})
