import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that is recognised again although the system gives its number to others later. */
export interface ProcessIdentity {
  pid: number
  /** Start time in clock ticks since boot. */
  started: string
}

export interface FoundProcess extends ProcessIdentity {
  uid: number
  argv: string[]
}

function read<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    // It ended while we looked.
    return undefined
  }
}

function startTime(pid: number): string | undefined {
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the name in parentheses and may hold anything; counting starts behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19]
}

function describe(pid: number): FoundProcess | undefined {
  const started = startTime(pid)
  const status = read(() => readFileSync(`/proc/${pid}/status`, 'utf8'))
  const argv = read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  const uid = /^Uid:\t(\d+)/m.exec(status ?? '')?.[1]
  if (started === undefined || argv === undefined || uid === undefined) return undefined
  return { pid, started, uid: Number(uid), argv: argv.split('\0').slice(0, -1) }
}

/**
 * Every process of these users on this computer. Machines number their users independently, so a process in
 * another PID namespace is never meant, whatever its number.
 */
export function processesOf(uids: readonly number[]): FoundProcess[] {
  const ours = readlinkSync('/proc/self/ns/pid')
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => describe(Number(name)))
    .filter((found) => found !== undefined)
    .filter(({ uid, pid }) => uids.includes(uid) && read(() => readlinkSync(`/proc/${pid}/ns/pid`)) === ours)
}

export const isAlive = ({ pid, started }: ProcessIdentity): boolean => startTime(pid) === started

/** @returns `undefined` where no such process runs */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = startTime(pid)
  return started === undefined ? undefined : { pid, started }
}

/** Signals these processes and waits for their end. @returns those that are still there after `waitMs` */
export async function endProcesses<P extends ProcessIdentity>(
  processes: readonly P[],
  signal: NodeJS.Signals,
  waitMs: number,
): Promise<P[]> {
  for (const found of processes) if (isAlive(found)) read(() => process.kill(found.pid, signal))
  const deadline = Date.now() + waitMs
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(20)
  return processes.filter(isAlive)
}

/**
 * Ends every process of these users: SIGTERM, then SIGKILL for what has not ended within `graceMs`, and for what
 * those have started meanwhile.
 */
export async function endProcessesOf(uids: readonly number[], graceMs: number): Promise<void> {
  await endProcesses(processesOf(uids), 'SIGTERM', graceMs)
  for (let tries = 0; tries < 50; tries++) {
    const left = processesOf(uids)
    if (left.length === 0) return
    await endProcesses(left, 'SIGKILL', 1000)
  }
  throw new Error(`processes ${processesOf(uids).map(({ pid }) => pid)} do not end`)
}
