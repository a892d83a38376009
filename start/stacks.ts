import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseAddress } from '../api/model/orm.ts'
import {
  readStateSetting,
  StateMoves,
  type StateSetting,
  stateAccess,
} from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import { PASSPHRASE, type StateAccess } from '../stacks/environment.ts'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'
import { passphraseFile, stateFiles } from './keys.ts'
import type { OsUsers } from './os-users.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { ROLES, STACKS_DATABASE } from './postgres-roles.ts'
import { Refusal } from './say.ts'
import { giveFolder } from './state-folder.ts'

/** Says which engine was found; everybody may read it. */
export const engineFile = ({ stateDir }: Installation): string => join(stateDir, 'engine.json')

/** An engine's state in a PostgreSQL that is reached by its socket. */
export function postgresBackend({ host, port, user, database }: DatabaseAddress): string {
  const query = new URLSearchParams({ host, port: String(port), sslmode: 'disable' })
  return `postgres://${user}@/${database}?${query}`
}

/** Where the state lies as long as it was not moved: in the control plane's own PostgreSQL. */
export const stackBackend = ({ databaseSocketDir }: Installation): string =>
  postgresBackend({
    ...{ host: databaseSocketDir, port: DATABASE_PORT, user: ROLES.worker, database: STACKS_DATABASE },
  })

const ownState = (installation: Installation): StateAccess => ({
  backendUrl: stackBackend(installation),
  passphraseFile: passphraseFile(installation),
})

/** What `npm run stack-state` has set. @throws Refusal where that cannot be read */
function readSetting(installation: Installation): StateSetting | undefined {
  const { original } = stateFiles(installation)
  try {
    return readStateSetting(original)
  } catch (error) {
    throw new Refusal(messageOf(error), { cause: error })
  }
}

/** The state as root opens it. @throws Refusal while it is being moved */
export function stateOf(installation: Installation): StateAccess {
  try {
    return stateAccess(ownState(installation), readSetting(installation))
  } catch (error) {
    throw error instanceof StateMoves ? new Refusal(error.message) : error
  }
}

/** Where the state lies and what encrypts it, also where nothing was ever set. */
export const stateSettingOf = (installation: Installation): StateSetting =>
  readSetting(installation) ?? {
    place: { backendUrl: stackBackend(installation), environment: {} },
    secrets: { provider: PASSPHRASE, environment: {} },
  }

/** Root never reads what the worker could write. */
export function writeStateSetting(installation: Installation, worker: number, setting: StateSetting): void {
  const text = `${JSON.stringify(setting, null, 2)}\n`
  writeFileAtomically(stateFiles(installation).original, text, { mode: 0o600 })
  giveStateSetting(installation, worker)
}

/** Brings the worker's copy, which it reads at the begin of each run, up to date. */
export function giveStateSetting(installation: Installation, worker: number): void {
  const { original, worker: copy } = stateFiles(installation)
  if (!existsSync(original)) rmSync(copy, { force: true })
  else writeFileAtomically(copy, readFileSync(original, 'utf8'), { mode: 0o600, uid: worker })
}

/** The folder in which the worker runs stacks; made where it is missing. */
export function stackDirectory(context: { installation: Installation; users: OsUsers }): string {
  const { installation, users } = context
  const directory = join(installation.stateDir, 'stacks')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chownSync(directory, users.worker, users.group)
  chmodSync(directory, 0o700)
  giveStateSetting(installation, users.worker)
  giveFolder(stateSettingOf(installation).place, users.worker)
  return directory
}
