import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { script } from '../../provisioner/shell.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { SLOW, STAGE, UNSTAGE } from './w21-repository.ts'

interface Updates {
  window: string
  checkedAt: string
  listsAt: string
  counts: { pending: number; security: number; restarts: number }
  pending: { package: string; installed: string; candidate: string; origin: string; security: boolean }[]
  restartsPending: string[]
}

let running: RunningService
let shop: Answer | undefined
let before = '04:00'

const inside = async (text: string): Promise<string> =>
  (await running.service.connection.run(script('test', text), { deadlineMs: 120_000 })).trim()

const setWindow = async (window: string): Promise<void> => {
  const { name } = running.service.host
  const { code, output } = await running.clone.run('admin', 'host', 'update-window', name, window)
  if (code !== 0 || !output.includes(`installs updates at ${window} UTC`)) throw new Error(output)
}

const updates = async (): Promise<Updates> => {
  const { body } = await running.service.request('GET', `/hosts/${running.service.host.id}`)
  return (body as unknown as { updates: Updates }).updates
}

/** Seconds until the host begins to install. */
const untilWindow = async (): Promise<number> =>
  Number(
    await inside(`at=$(systemctl show -p NextElapseUSecRealtime --value apt-daily-upgrade.timer)
      echo $(($(date -d "$at" +%s) - $(date +%s)))`),
  )

/** Moves the window to the next full minute that is far enough away for the converge to have ended by then. */
async function windowSoon(): Promise<string> {
  for (let tries = 0; tries < 4; tries++) {
    const window = new Date(Date.now() + (10 + tries * 20) * 1000 + 60_000).toISOString().slice(11, 16)
    await setWindow(window)
    if ((await untilWindow()) < 150) return window
  }
  throw new Error('a converge takes longer than a minute here')
}

/** What runs where: one line per process that matters here. */
const PROCESSES = `systemctl show -p MainPID --value w21.service pgbouncer.service 'pgi@*.service' | grep .`
const VERSIONS = `dpkg-query -W -f '\${Package} \${Version}\\n' w21-service w21-foreign pgbouncer postgresql-17`

/** Waits until the daily upgrade has run to its end: `$1` is when it was to begin. */
const UPGRADED = `ended() { date -d "$(systemctl show -p InactiveEnterTimestamp --value apt-daily-upgrade.service)" +%s; }
  until [ "$(systemctl is-active apt-daily-upgrade.service)" = inactive ] && [ "$(ended)" -ge "$1" ]; do sleep 0.2; done`

test.before(async () => {
  running = await RunningService.shared()
  shop = await running.createApart('w21-shop')
  const session = await running.connect(shop as Answer)
  await session.client.query('create table kept as select 1 as one')
  await session.end()
  before = (await updates()).window
  await inside(STAGE)
})
test.after.always(async () => {
  await inside(UNSTAGE)
  if ((await updates()).window !== before) await setWindow(before)
  if (shop) await running.delete(shop)
  await running.remove()
})

test.serial('W21 outdated packages are found, listed, and updated in the window', async (t) => {
  const window = await windowSoon()
  const found = await updates()
  t.is(found.window, window)
  t.true(Date.now() - Date.parse(found.checkedAt) < 120_000)
  t.true(Date.parse(found.listsAt) <= Date.parse(found.checkedAt))
  const foreign = {
    package: 'w21-foreign',
    installed: '1',
    candidate: '2',
    origin: 'Elsewhere',
    security: false,
  }
  const ours = {
    package: 'w21-service',
    installed: '1',
    candidate: '2',
    origin: 'Debian-Security',
    security: true,
  }
  for (const update of [foreign, ours]) {
    t.deepEqual(
      found.pending.find((one) => one.package === update.package),
      update,
    )
  }
  t.deepEqual([found.counts.pending, found.counts.security], [4, 3])

  const processes = (await inside(PROCESSES)).split('\n')
  t.regex(await inside(VERSIONS), /^w21-service 1$/m)
  const began = await untilWindow()
  t.true(began > 0, 'nothing happened before its time')
  const beganAt = Math.floor(Date.now() / 1000) + began
  await sleep(began * 1000)
  await running.service.connection.run(script('wait for the upgrade', UPGRADED, beganAt), {
    deadlineMs: 300_000,
  })

  const versions = await inside(VERSIONS)
  t.regex(versions, /^w21-service 2$/m)
  t.regex(versions, /^pgbouncer .*\+w21$/m)
  t.regex(versions, /^postgresql-17 .*\+w21$/m)
  t.regex(versions, /^w21-foreign 1$/m)
  const after = (await inside(PROCESSES)).split('\n')
  t.is(after.length, processes.length)
  for (const pid of processes) t.false(after.includes(pid), `${pid} runs on with what was replaced`)
})

test.serial(
  'W21 the pool and the instances came back by themselves, and nothing of Debian’s own beside them',
  async (t) => {
    const session = await running.connect(shop as Answer)
    t.deepEqual((await session.client.query('select one from kept')).rows, [{ one: 1 }])
    await session.end()
    t.is(await inside('ps -C pgbouncer -o user= | sort -u'), 'pgbouncer')
    t.is(
      await inside('ps -u postgres -o args= || true; ss -Hltn "sport = :5432"; ls -A /var/lib/postgresql'),
      '',
    )
    t.is(await inside('systemctl is-system-running; systemctl --failed --no-legend'), 'running')
    t.regex((await running.clone.run('plan', running.service.host.name)).output, /^0 changes on /m)
  },
)

test.serial('W21 what is done is no longer pending', async (t) => {
  await setWindow(before)
  const { pending, counts, restartsPending } = await updates()
  t.deepEqual(
    pending.map((update) => update.package),
    ['w21-foreign'],
  )
  t.deepEqual(restartsPending, [])
  t.like(counts, { pending: 1, security: 0 })
})

test.serial('W21 a shutdown, which stops the daily job, does not cut through an upgrade', async (t) => {
  await inside(SLOW)
  const said = await inside(`systemctl start --no-block apt-daily-upgrade.service
    until [ -e /run/w21.configuring ]; do sleep 0.1; done
    systemctl stop apt-daily-upgrade.service
    ls /run/w21.configured; dpkg --audit; dpkg-query -W -f '\${Version}\n' w21-service; pgrep -c unattended-upgr || true`)
  t.is(said, '/run/w21.configured\n3\n0')
})

test.serial('W21 an installation of ours waits for the daily job of apt instead of failing', async (t) => {
  // Holds the locks that apt takes, in apt's way, for three seconds.
  const hold = `import fcntl, time
files = [open(f"/var/{path}/lock", "w") for path in ("lib/apt/lists", "cache/apt/archives")]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(3)`
  const said = await inside(`python3 -c '${hold}' | { read -r held
    /usr/local/lib/dbhost/packages-install e2fsprogs 2>&1; }`)
  t.regex(said, /Could not get lock/)
  t.regex(said, /e2fsprogs is already the newest version/)
})
