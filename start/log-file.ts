import { closeSync, copyFileSync, openSync, statSync, truncateSync } from 'node:fs'

const LIMIT_BYTES = 16 * 1024 ** 2

/** Opens for appending, so that a log can be cut short while a program writes to it. */
export function openLog(path: string): { fd: number; close: () => void } {
  const fd = openSync(path, 'a', 0o600)
  return { fd, close: () => closeSync(fd) }
}

/** Keeps one earlier part: what is longer than the limit moves to `.1`. */
export function trimLog(path: string): void {
  if (statSync(path).size < LIMIT_BYTES) return
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
}
