import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** Who holds a lock of a stack, as the engine tells it. */
export interface LockHolder {
  user: string
  computer: string
  pid: number
  /** Milliseconds since 1970. */
  since: number
}

/** The holders named in an error of the engine. */
export function lockHolders(text: string): LockHolder[] {
  const found = text.matchAll(/created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g)
  return [...found].map(([, user = '', computer = '', pid = '', at = '']) => ({
    ...{ user, computer, pid: Number(pid) },
    since: Date.parse(at),
  }))
}

/**
 * Does this error speak of locks whose every holder is known to be dead: a process of this computer that is gone, or
 * that was there before its last boot? The locks have no lease, so nobody else would ever free them.
 */
export function isHeldByTheDead(text: string): boolean {
  const holders = lockHolders(text)
  return holders.length > 0 && holders.every(isDead)
}

function isDead({ computer, pid, since }: LockHolder): boolean {
  if (computer !== hostname()) return false
  if (since < bootedAt()) return true
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    // Another user's process is there all the same.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function bootedAt(): number {
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]
  return Number(seconds ?? 0) * 1000
}
