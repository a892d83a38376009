import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface LockHolder {
  command: string
  pid: number
  /** ISO time. */
  since: string
}

export interface Lock {
  release(): void
}

/**
 * Takes the lock of this file for as long as this process lives: it belongs to the open file, which no child
 * inherits, so even SIGKILL releases it.
 * @param command tells others what holds it
 * @returns who holds it, where somebody does
 */
export function takeLock(path: string, command: string): { lock: Lock } | { holder: LockHolder | undefined } {
  const file = openSync(path, 'a+', 0o600)
  const taken = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file],
  })
  if (taken.error) throw taken.error
  if (taken.status !== 0) {
    closeSync(file)
    return { holder: readHolder(path) }
  }
  ftruncateSync(file)
  const holder: LockHolder = { command, pid: process.pid, since: new Date().toISOString() }
  writeSync(file, JSON.stringify(holder))
  return { lock: { release: () => closeSync(file) } }
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder
  } catch {
    // Taken this very moment: its holder has not written yet.
    return undefined
  }
}
