import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Where locks and other facts live that a reboot must forget; common to all installations. */
export const RUNTIME_DIRECTORY = '/run/dbhost'

interface Held {
  release: () => Promise<void>
}

/**
 * Does something while no other process on this computer holds the same lock.
 * @param name of a machine-wide lock, or the path of a lock file
 * @param waitMs how long to wait for the lock, in milliseconds
 * @throws when the lock was not free in time
 */
export async function withLock<T>(name: string, action: () => Promise<T>, waitMs = 900_000): Promise<T> {
  const file = resolve(RUNTIME_DIRECTORY, name.startsWith('/') ? name : `${name}.lock`)
  const held = await hold(file, waitMs)
  try {
    return await action()
  } finally {
    await held.release()
  }
}

async function hold(file: string, waitMs: number): Promise<Held> {
  const deadline = Date.now() + waitMs
  for (;;) {
    await mkdir(dirname(file), { recursive: true, mode: 0o755 })
    const left = Math.max(0, deadline - Date.now())
    // `cat` has the lock as long as this process has its standard input, so even SIGKILL releases it. A session
    // of its own keeps Ctrl-C in the terminal from releasing it while the action still winds up.
    const holder = spawn('/usr/bin/flock', ['--no-fork', '--wait', `${left / 1000}`, file, 'cat'], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const ended = new Promise<void>((settle) =>
      holder.once('close', () => settle()).once('error', () => settle()),
    )
    const release = async (): Promise<void> => {
      holder.stdin.end()
      await ended
    }
    holder.stdin.on('error', () => {})
    holder.stdin.write('held\n')
    const answer = await Promise.race([once(holder.stdout, 'data'), ended])
    if (answer && isSameFile(file, holder.pid)) return { release }
    await release()
    // A lock whose file was removed while it was waited for is nobody else's lock any more.
    if (!answer) throw new Error(`${file} was held by another process for ${waitMs / 1000} s`)
  }
}

function isSameFile(file: string, holder: number | undefined): boolean {
  const named = statSync(file, { throwIfNoEntry: false })
  const open = statSync(`/proc/${holder}/fd/3`, { throwIfNoEntry: false })
  return named !== undefined && named.ino === open?.ino
}

/** Removes the lock files that nobody holds, and their folder when it is empty then. */
export async function removeLocks(): Promise<void> {
  const names = await readdir(RUNTIME_DIRECTORY).catch(() => [])
  for (const name of names.filter((entry) => entry.endsWith('.lock'))) {
    const file = resolve(RUNTIME_DIRECTORY, name)
    await withLock(file, () => rm(file, { force: true }), 1000).catch(() => {})
  }
  await rmdir(RUNTIME_DIRECTORY).catch(() => {})
}
