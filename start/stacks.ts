import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseAddress } from '../api/model/orm.ts'
import type { StateAccess } from '../stacks/environment.ts'
import type { Installation } from './installation.ts'
import { passphraseFile } from './keys.ts'
import type { OsUsers } from './os-users.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { ROLES, STACKS_DATABASE } from './postgres-roles.ts'

/** Says which engine was found; everybody may read it. */
export const engineFile = ({ stateDir }: Installation): string => join(stateDir, 'engine.json')

/** An engine's state in a PostgreSQL that is reached by its socket. */
export function postgresBackend({ host, port, user, database }: DatabaseAddress): string {
  const query = new URLSearchParams({ host, port: String(port), sslmode: 'disable' })
  return `postgres://${user}@/${database}?${query}`
}

/** The state lies in the control plane's own PostgreSQL. */
export const stackBackend = ({ databaseSocketDir }: Installation): string =>
  postgresBackend({
    ...{ host: databaseSocketDir, port: DATABASE_PORT, user: ROLES.worker, database: STACKS_DATABASE },
  })

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
