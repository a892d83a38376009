import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StateAccess } from '../stacks/environment.ts'
import type { Installation } from './installation.ts'
import { passphraseFile } from './keys.ts'
import type { OsUsers } from './os-users.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { ROLES, STACKS_DATABASE } from './postgres-roles.ts'

/** Says which engine was found; everybody may read it. */
export const engineFile = ({ stateDir }: Installation): string => join(stateDir, 'engine.json')

/** The engine's state lies in the control plane's own PostgreSQL, reached by its socket. */
export function stackBackend({ databaseSocketDir }: Installation): string {
  const query = new URLSearchParams({
    host: databaseSocketDir,
    port: String(DATABASE_PORT),
    sslmode: 'disable',
  })
  return `postgres://${ROLES.worker}@/${STACKS_DATABASE}?${query}`
}

/** The state as root opens it. */
export const stateOf = (installation: Installation): StateAccess => ({
  backendUrl: stackBackend(installation),
  passphraseFile: passphraseFile(installation),
})

/** The folder in which the worker runs stacks; made where it is missing. */
export function stackDirectory(context: { installation: Installation; users: OsUsers }): string {
  const directory = join(context.installation.stateDir, 'stacks')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chownSync(directory, context.users.worker, context.users.group)
  chmodSync(directory, 0o700)
  return directory
}
