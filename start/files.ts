import { chmodSync, chownSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { randomName } from '../common/ids.ts'

export interface FileRights {
  mode: number
  /** Numeric owner; root where absent. */
  uid?: number
  gid?: number
}

/**
 * Writes a file that is whole or absent at every moment, on disk when this returns. It is born with mode 0600
 * and gets its owner before its name, so no one else can ever open it.
 */
export function writeFileAtomically(path: string, text: string, rights: FileRights): void {
  const temporary = `${path}.${randomName(6)}.new`
  const file = openSync(temporary, 'wx', rights.mode & 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    chownSync(temporary, rights.uid ?? 0, rights.gid ?? 0)
    chmodSync(temporary, rights.mode)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
