import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { linkExists } from './link.ts'
import { withLock } from './lock.ts'
import { type LocalMachine, type MachinePlace, machineLock } from './machine.ts'
import { findProcesses } from './machine-process.ts'
import { clearControlGroup, clearNspawnRuntime } from './nspawn.ts'

// systemd as process 1 shuts down in order on SIGRTMIN+4; the C library keeps the first two of Linux's 32.
const POWER_OFF = 34 + 4

/** Is the machine there now, and whole? */
export function machineState(machine: MachinePlace): 'running' | 'stopped' {
  return findProcesses(machine.root).whole && linkExists(machine.link) ? 'running' : 'stopped'
}

/**
 * Stops a machine in order, and by force what is left at the deadline. A stopped one is no error.
 * @param options.deadlineMs milliseconds for the orderly part; 20 s by default
 */
export async function stopMachine(
  machine: LocalMachine,
  options: { deadlineMs?: number } = {},
): Promise<void> {
  await withLock(machineLock(machine), () => powerOff(machine, options.deadlineMs ?? 20_000))
}

/** `stopMachine` for a caller that holds the machine's lock. */
export async function powerOff(machine: MachinePlace, deadlineMs: number): Promise<void> {
  const { init } = findProcesses(machine.root)
  if (init) {
    signal(init, POWER_OFF)
    await ended(machine, deadlineMs)
  }
  await halt(machine)
}

/**
 * Ends by force what runs of a machine, whole or not, and waits until it is gone.
 * @throws when it does not go
 */
export async function halt(machine: MachinePlace): Promise<void> {
  const { supervisor, init } = findProcesses(machine.root)
  // The supervisor of a machine that has just lost its process 1 ends by itself and tidies up.
  if (init) signal(init, constants.signals.SIGKILL)
  if (supervisor && !(await ended(machine, 3000))) {
    const again = findProcesses(machine.root).supervisor
    if (again) signal(again, constants.signals.SIGKILL)
  }
  if (!(await ended(machine, 5000))) throw new Error(`the machine ${machine.name} cannot be ended`)
  await clearControlGroup(machine)
  await clearNspawnRuntime(machine)
}

function signal(pid: number, number: number): void {
  try {
    process.kill(pid, number)
  } catch {
    // It has ended since it was found.
  }
}

async function ended(machine: MachinePlace, deadlineMs: number): Promise<boolean> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    const { supervisor, init } = findProcesses(machine.root)
    if (!supervisor && !init) return true
    if (Date.now() > deadline) return false
    await sleep(30)
  }
}
