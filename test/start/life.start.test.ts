import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { linksOf } from '../../hosts/local/link.ts'
import {
  answerOf,
  createsDatabase,
  machineProcesses,
  pasted,
  postmasterPid,
  postmasterPidFile,
  processOf,
  programsOf,
} from './asking.ts'
import { Clone, type Command } from './clone.ts'
import { leftoversOf } from './leftovers.ts'

// One installation lives through all of this: a cold start is the dear part, and each test leaves it running.
const clone = Clone.make(`${'a-folder-with-a-long-name/'.repeat(4)}dbhost`)
let running: Command
let firstPassword: string | undefined

test.after.always('the installation is taken away', async () => {
  await running.kill()
  await clone.remove()
})

test.serial(
  'a fresh clone in a private folder with a long path starts, and what it prints works',
  async (t) => {
    running = await clone.start()
    t.log(`cold start: ${((Date.now() - running.began) / 1000).toFixed(1)} s`)
    t.regex(running.output, /^This changes your computer: /)
    t.is(pasted(running.output, 'create table kept as select 42 as n; select n from kept'), 'SELECT 1\n42')
    firstPassword = clone.facts.database?.password
  },
)

test.serial('.dbhost/start.json holds the same facts, for root alone', async (t) => {
  const { apiUrl, apiKey, database } = clone.facts
  t.is(statSync(join(clone.path, '.dbhost')).mode & 0o777, 0o700)
  for (const name of readdirSync(join(clone.path, '.dbhost'))) {
    t.is(statSync(join(clone.path, '.dbhost', name)).mode & 0o777, 0o600, name)
  }
  t.true(running.output.includes(apiKey) && running.output.includes(`${database?.connectionString}`))
  t.regex(`${database?.connectionString}`, /sslmode=verify-full.*sslrootcert=\//)
  const answer = await fetch(`${apiUrl}/api/v1/databases/${database?.id}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  t.like(await answer.json(), { id: database?.id, name: 'hello', status: 'active' })
})

test.serial('a second start and a reset say who holds the installation', async (t) => {
  for (const command of [['start'], ['reset', '--yes']]) {
    const { code, output } = await clone.run(...command)
    t.not(code, 0)
    t.regex(output, /in use \(npm start, process \d+, since .*\): stop that first \(kill \d+\)\.\n$/)
  }
  t.is(await answerOf(clone, 'select n from kept'), '42')
})

test.serial('kill -9 of server, worker, PostgreSQL and the machine’s init: each comes back', async (t) => {
  const victims = {
    server: () => [processOf(clone, 'api/server.ts')],
    worker: () => [processOf(clone, 'api/worker.ts')],
    postgres: () => [postmasterPid(clone)],
    machine: async () => (await machineProcesses(clone)).slice(-1),
  }
  for (const [name, find] of Object.entries(victims)) {
    for (const pid of await find()) process.kill(pid, 'SIGKILL')
    const began = Date.now()
    t.true(await createsDatabase(clone, `after-${name}`), name)
    t.log(`${name}: working again after ${((Date.now() - began) / 1000).toFixed(1)} s`)
    t.is(await answerOf(clone, 'select n from kept'), '42')
  }
})

test.serial(
  'Ctrl-C stops everything in order, and the next start resumes with the same password',
  async (t) => {
    const { code, output } = await running.interrupt()
    t.is(code, 0)
    const order = [...output.matchAll(/Stopping the (\w+)/g)].map(([, part]) => part)
    t.deepEqual(order, ['server', 'worker', 'machines', 'boot', 'PostgreSQL'])
    t.deepEqual(programsOf(clone), [])
    t.deepEqual(await machineProcesses(clone), [])

    const before = clone.facts
    running = await clone.start()
    t.log(`warm start: ${((Date.now() - running.began) / 1000).toFixed(1)} s`)
    t.is(pasted(running.output, 'select n from kept'), '42')
    t.deepEqual(clone.facts, before)
    t.false(running.output.includes(before.apiKey))
  },
)

test.serial('kill -9 of start itself: the next start takes over', async (t) => {
  await running.kill()
  running = await clone.start()
  t.is(pasted(running.output, 'select n from kept'), '42')
  t.is(clone.facts.database?.password, firstPassword)
  t.true(await createsDatabase(clone, 'after-start'))
})

test.serial(
  'after a reboot with a stale pid file that names somebody else the next start recovers',
  async (t) => {
    await running.kill()
    for (const { pid } of programsOf(clone)) process.kill(pid, 'SIGKILL')
    for (const pid of await machineProcesses(clone)) process.kill(pid, 'SIGKILL')
    await sleep(500)
    for (const link of linksOf(clone.id)) spawnSync('ip', ['link', 'delete', link])
    spawnSync('/usr/sbin/nft', ['delete', 'table', 'inet', `dbhost_${clone.id}`])
    rmSync(`/run/dbhost/${clone.id}`, { recursive: true, force: true })
    const pidFile = postmasterPidFile(clone)
    t.true(existsSync(pidFile), 'PostgreSQL was killed, not stopped')
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)))

    running = await clone.start()
    t.is(pasted(running.output, 'select n from kept'), '42')
    t.is(clone.facts.database?.password, firstPassword)
    t.true(await createsDatabase(clone, 'after-reboot'))
  },
)

test.serial('a first database that its owner deleted is not made again', async (t) => {
  const { apiUrl, apiKey, database } = clone.facts
  const headers = { authorization: `Bearer ${apiKey}`, prefer: 'wait=30' }
  const gone = await fetch(`${apiUrl}/api/v1/databases/${database?.id}`, { method: 'DELETE', headers })
  t.is(gone.status, 204)
  await running.interrupt()
  running = await clone.start()
  t.regex(running.output, /hello was deleted and is not made again/)
  t.is(clone.facts.database, null)
})

test.serial('reset takes every trace away, also of a start that was killed', async (t) => {
  const { id } = clone
  await running.kill()
  const { code, output } = await clone.run('reset', '--yes')
  t.is(code, 0, output)
  t.deepEqual(leftoversOf(id), [])
  t.false(existsSync(join(clone.path, '.dbhost')))
})
