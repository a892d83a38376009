import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type LocalMachine, listMachines } from '../../hosts/local/machine.ts'
import { findProcesses } from '../../hosts/local/machine-process.ts'
import type { Installation } from '../../start/installation.ts'

/** The one machine of an installation, handled from outside: by its processes and files, never over SSH. */
export async function machineOf({ stateDir }: Installation): Promise<LocalMachine> {
  const [machine] = await listMachines(stateDir)
  if (!machine) throw new Error(`${stateDir} has no machine`)
  return machine
}

function initOf(machine: LocalMachine): number {
  const { init } = findProcesses(machine.root)
  if (init === undefined) throw new Error(`the machine ${machine.name} does not run`)
  return init
}

/** The machine's process 1 dies as by a pulled plug, and all others with it. @returns whether there was one */
export function killMachine(machine: LocalMachine): boolean {
  const { init } = findProcesses(machine.root)
  if (init === undefined) return false
  process.kill(init, 'SIGKILL')
  return true
}

/** Processes of the machine whose command line begins like this. */
export function processesIn(machine: LocalMachine, beginning: string): number[] {
  const { init } = findProcesses(machine.root)
  if (init === undefined) return []
  const namespaceOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/pid`)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (namespaceOf(pid) !== namespaceOf(init)) return false
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(beginning)
      } catch {
        // It ended while we looked.
        return false
      }
    })
}

/** @returns how many */
export function killProcesses(machine: LocalMachine, beginning: string): number {
  const pids = processesIn(machine, beginning)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  return pids.length
}

/** Ends every SSH session at once, without a word to the other end. */
export const cutConnections = (machine: LocalMachine): number => killProcesses(machine, 'sshd-session:')

/** What a script prints that runs in the machine as root, started from outside. */
export function inMachine(machine: LocalMachine, script: string): string {
  const enter = [
    '--target',
    String(initOf(machine)),
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--cgroup',
  ]
  return execFileSync(
    '/usr/bin/nsenter',
    [...enter, '--root', '--wdns=/', 'bash', '-euo', 'pipefail', '-s'],
    {
      ...{ encoding: 'utf8', input: script, maxBuffer: 64 * 1024 ** 2 },
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    },
  )
}
