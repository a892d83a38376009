import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import type { Flood } from '../host/flood.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

const MEGABYTE = 1024 ** 2
const BOUND = 300 * MEGABYTE
/** Just below `max_packet_size`. */
const LARGEST = 16 * MEGABYTE - 1000

let running: RunningService
let attacker: Answer
let victim: Answer

test.before(async () => {
  running = await RunningService.shared()
  attacker = await running.createApart('w7-attacker')
  victim = await running.createApart('w7-neighbour')
})
test.after.always(async () => {
  if (attacker && victim) await running.delete(attacker, victim)
  await running?.remove()
})

const inside = (title: string, words: string, ...args: (string | number)[]): Promise<string> =>
  running.service.connection.run(script(title, words, ...args), { deadlineMs: 120_000 })

/** Samples PgBouncer's memory every 50 ms until `stop`. */
async function watchMemory(): Promise<{
  stop: () => Promise<{ highest: number; samples: number; starts: number }>
}> {
  const running = inside(
    'sample memory',
    `rm -f /run/w7-stop; highest=0 samples=0 starts=-1 last=
    page=$(getconf PAGESIZE)
    while [ ! -e /run/w7-stop ]; do
      if read -r pid <${LAYOUT.pool.socketDirectory}/pgbouncer.pid && read -r _ pages _ </proc/$pid/statm; then
        [ "$pid" = "$last" ] || { last=$pid; starts=$((starts + 1)); }
        bytes=$((pages * page)) samples=$((samples + 1))
        [ $bytes -le $highest ] || highest=$bytes
      fi 2>/dev/null
      sleep 0.05
    done
    rm /run/w7-stop
    echo $highest $samples $starts`,
  )
  return {
    stop: async () => {
      await inside('stop sampling', 'touch /run/w7-stop')
      const [highest = 0, samples = 0, starts = 0] = (await running).trim().split(' ').map(Number)
      return { highest, samples, starts }
    },
  }
}

async function attack(
  flood: Pick<Flood, 'kind' | 'connections' | 'count' | 'bytes'>,
  holdMs = 8000,
): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../host/flood.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const whole: Flood = {
    ...{ ...flood, login: attacker, ca: running.service.ca, holdMs },
    entries: [attacker.database, `${attacker.database}_session`],
  }
  child.stdin.end(JSON.stringify(whole))
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return said.trim().split('\n')
}

/** Runs an attack beside the neighbour; what is true of every one of them is asserted here. */
async function underAttack(t: ExecutionContext, flood: Parameters<typeof attack>[0]): Promise<string[]> {
  const neighbour = await Neighbour.watch(victim, running.service.ca)
  const memory = await watchMemory()
  const outcomes = await attack(flood)
  // Some are refused at once; what comes after that is watched as well.
  await sleep(2000)
  const { highest, samples, starts } = await memory.stop()
  const { errors, commits, logins } = await neighbour.stop()
  t.log(
    `PgBouncer at most ${Math.round(highest / MEGABYTE)} MB in ${samples} samples, ${commits} commits beside it`,
  )
  t.true(highest < BOUND, `${highest} bytes`)
  t.true(samples > 10)
  t.is(starts, 0, 'PgBouncer was not restarted')
  t.deepEqual(errors, [])
  t.true(commits > 0 && logins > 0)
  return outcomes
}

test.serial('W7 1,500 prepared statements of 1 MB each are ended', async (t) => {
  const [outcome = ''] = await underAttack(t, { kind: 'statements', connections: 1, count: 1500, bytes: 1e6 })
  t.not(outcome, 'all sent')
})

test.serial('W7 an unfinished packet of 400 MB is refused', async (t) => {
  const [outcome = ''] = await underAttack(t, { kind: 'unfinished', connections: 1, count: 1, bytes: 4e8 })
  t.not(outcome, 'all sent')
})

test.serial('W7 many unfinished packets just below the bound, on entry and alias, are ended', async (t) => {
  const flood = { kind: 'unfinished', connections: 60, count: 1, bytes: LARGEST } as const
  const outcomes = await underAttack(t, flood)
  t.true(outcomes.filter((outcome) => outcome === 'all sent').length * LARGEST < BOUND)
})

test.serial('W7 unfinished packets before the password are ended', async (t) => {
  const flood = { kind: 'password', connections: 60, count: 1, bytes: LARGEST } as const
  const outcomes = await underAttack(t, flood)
  t.false(outcomes.includes('all sent'))
})

test.serial(
  'W7 a client with more than 2,000 prepared statements is ended, one with 1,000 is not',
  async (t) => {
    const [[modest], [greedy]] = (await Promise.all(
      [1000, 2100].map((count) => attack({ kind: 'statements', connections: 1, count, bytes: 10 }, 15_000)),
    )) as [string[], string[]]
    t.is(modest, 'all sent')
    t.not(greedy, 'all sent')
  },
)

test.serial('W7 PgBouncer runs again within a second of its end', async (t) => {
  // Making the sandbox of a unit takes seconds on a busy computer: what an empty one takes, here and now, is granted for
  // what runs before PgBouncer and for itself.
  const told = await inside(
    'end PgBouncer',
    `now() { date +%s%3N; }
    began=$(now)
    systemd-run --wait -q -p PrivateDevices=yes -p ProtectSystem=strict -p PrivateTmp=yes -p ProtectKernelTunables=yes true
    floor=$(($(now) - began))
    read -r pid <${LAYOUT.pool.socketDirectory}/pgbouncer.pid
    began=$(now)
    kill -QUIT "$pid"
    until (exec 3<>/dev/tcp/127.0.0.1/6432) 2>/dev/null && [ ! -d /proc/$pid ]; do sleep 0.01; done
    echo $floor $(($(now) - began))`,
  )
  const [floor = 0, took = 0] = told.trim().split(' ').map(Number)
  t.log(`${took} ms; an empty unit of the same kind takes ${floor} ms`)
  t.true(took < 1000 + 2 * floor, `${took} ms`)
  t.is(await running.login(victim), 'in')
})
