import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loopNodes } from './loop.ts'
import type { LocalMachine, MachinePlace } from './machine.ts'
import { attempt, run } from './run.ts'

/** What process 1 of this computer is decides who keeps the machine. */
export const underSystemd = (): boolean => existsSync('/run/systemd/system')

export const consoleLog = (machine: LocalMachine): string => join(machine.directory, 'console.log')

const unitName = (machine: LocalMachine): string => `dbhost-${machine.name}.service`

function nspawnArguments(machine: LocalMachine): [string, ...string[]] {
  return [
    'systemd-nspawn',
    '--quiet',
    '--settings=no',
    `--directory=${machine.root}`,
    `--machine=${machine.name}`,
    `--hostname=${machine.hostname}`,
    '--boot',
    '--register=no',
    '--keep-unit',
    '--network-veth',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    ...loopNodes().map((node) => `--bind=${node}`),
  ]
}

/** Starts a machine that does not run; the caller waits for its answer. What it says goes to its console log. */
export async function launch(machine: LocalMachine): Promise<void> {
  await writeFile(consoleLog(machine), '', { mode: 0o600 })
  await (underSystemd() ? launchUnit(machine) : launchDetached(machine))
}

async function launchUnit(machine: LocalMachine): Promise<void> {
  // A unit whose main process was killed is still ending when that process is gone, and its name is not free.
  await attempt(['systemctl', 'stop', unitName(machine)], { deadlineMs: 100_000 })
  await attempt(['systemctl', 'reset-failed', unitName(machine)])
  // The devices are those of systemd-nspawn@.service.
  const properties = [
    'Type=notify',
    'Delegate=yes',
    'KillMode=mixed',
    'SuccessExitStatus=133',
    'TasksMax=32768',
    'DevicePolicy=closed',
    'DeviceAllow=/dev/net/tun rwm',
    'DeviceAllow=char-pts rw',
    'DeviceAllow=/dev/loop-control rw',
    'DeviceAllow=block-loop rw',
    'DeviceAllow=/dev/fuse rwm',
    `StandardOutput=append:${consoleLog(machine)}`,
    `StandardError=append:${consoleLog(machine)}`,
  ]
  await run([
    'systemd-run',
    '--quiet',
    '--collect',
    '--no-block',
    '--slice=machine.slice',
    `--unit=${unitName(machine)}`,
    `--description=DBHost machine ${machine.hostname}`,
    '--setenv=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1',
    ...properties.map((property) => `--property=${property}`),
    ...nspawnArguments(machine),
  ])
}

async function launchDetached(machine: LocalMachine): Promise<void> {
  const group = await makeControlGroup(machine)
  const enter = group ? ['sh', '-c', 'echo $$ >"$0" && exec "$@"', join(group, 'cgroup.procs')] : []
  const [program = '', ...rest] = [...enter, ...nspawnArguments(machine)]
  const log = openSync(consoleLog(machine), 'a')
  const child = spawn(program, rest, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
    },
  })
  closeSync(log)
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  child.unref()
}

async function controlGroup(machine: MachinePlace): Promise<string | undefined> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  const unified = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1]
  return unified && join(unified, `dbhost-${machine.name}`)
}

// Two machines that were started in one control group would share the groups below it, and the systemd of one
// would end services of the other.
async function makeControlGroup(machine: MachinePlace): Promise<string | undefined> {
  const group = await controlGroup(machine)
  if (group) await mkdir(group, { recursive: true })
  return group
}

/** Ends everything that runs in a machine's control group at once, and removes the group. */
export async function clearControlGroup(machine: MachinePlace): Promise<void> {
  const group = await controlGroup(machine)
  if (!group || !existsSync(group)) return
  await writeFile(join(group, 'cgroup.kill'), '1').catch(() => {})
  for (let tries = 0; tries < 100; tries++) {
    if (await removeGroup(group)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function removeGroup(group: string): Promise<boolean> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(group, entry.name))
  return await rmdir(group).then(
    () => true,
    () => !existsSync(group),
  )
}

/** Removes what a machine that was killed leaves in the runtime folder of nspawn. */
export async function clearNspawnRuntime({ name, root }: MachinePlace): Promise<void> {
  const runtime = '/run/systemd/nspawn'
  for (const folder of [join(runtime, 'propagate', name), join(runtime, 'unix-export', name)]) {
    // From systemd 256 on this is a mount, and nspawn refuses to start a machine whose mount is still there.
    await attempt(['umount', '--lazy', '--quiet', folder])
    await rm(folder, { recursive: true, force: true })
  }
  const tree = statSync(root, { bigint: true, throwIfNoEntry: false })
  if (tree) await rm(join(runtime, 'locks', `inode-${tree.dev}:${tree.ino}`), { force: true })
}
