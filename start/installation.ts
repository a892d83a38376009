import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { randomName } from '../common/ids.ts'
import { writeFileAtomically } from './files.ts'

const STATE = '/var/lib/dbhost'
const RUNTIME = '/run/dbhost'

/** One clone of the repository with everything that belongs to it on this computer. */
export interface Installation {
  /** Six characters, the same for the clone's whole life. */
  id: string
  /** The clone's folder, without symbolic links. */
  clone: string
  /** What stays in the clone: identity, locks, what scripts read. Mode 0700. */
  privateDir: string
  stateDir: string
  logDir: string
  /** Sockets; a reboot empties it. */
  runDir: string
  databaseSocketDir: string
  users: { database: string; server: string; worker: string }
  /** Primary group of the three users: who may open the database's socket. */
  group: string
}

/** The folder that this program was started from. */
export const ownClone = (): string => realpathSync(resolve(import.meta.dirname, '..'))

const isInstallationId = (text: string): boolean => /^[a-z0-9]{6}$/.test(text)

/** Names and places of an installation; nothing is read or made. */
export function describeInstallation(id: string, clone: string): Installation {
  if (!isInstallationId(id)) throw new Error(`${id} is not an installation id`)
  const stateDir = join(STATE, id)
  const runDir = join(RUNTIME, id)
  const user = (role: string): string => `dbhost-${id}-${role}`
  return {
    ...{ id, clone, stateDir, runDir, group: `dbhost-${id}` },
    privateDir: join(clone, '.dbhost'),
    logDir: join(stateDir, 'log'),
    databaseSocketDir: join(runDir, 'postgres'),
    users: { database: user('db'), server: user('api'), worker: user('work') },
  }
}

const idFileOf = (clone: string): string => join(clone, '.dbhost', 'id')
const recordOf = (id: string): string => join(STATE, id, 'clone')

function readId(clone: string): string | undefined {
  if (!existsSync(idFileOf(clone))) return undefined
  const id = readFileSync(idFileOf(clone), 'utf8').trim()
  return isInstallationId(id) ? id : undefined
}

function recordedClone(id: string): string | undefined {
  return existsSync(recordOf(id)) ? readFileSync(recordOf(id), 'utf8').trim() : undefined
}

/** Another folder that lives and carries this id: then this folder is a copy of it, made with its `.dbhost`. */
function originalOf(id: string, clone: string): string | undefined {
  const recorded = recordedClone(id)
  if (recorded === undefined || recorded === clone || readId(recorded) !== id) return undefined
  const [here, there] = [statSync(idFileOf(clone)), statSync(idFileOf(recorded))]
  return here.ino === there.ino && here.dev === there.dev ? undefined : recorded
}

/** Installations whose state was made for this folder, whatever became of its `.dbhost`. */
function recordedFor(clone: string): string[] {
  if (!existsSync(STATE)) return []
  return readdirSync(STATE).filter((id) => isInstallationId(id) && recordedClone(id) === clone)
}

export interface FoundInstallation {
  installation: Installation | undefined
  /** The folder that this clone's `.dbhost` was copied from; that installation belongs to it alone. */
  copiedFrom: string | undefined
}

/**
 * The installation of this clone, where there is one. State outlives a deleted `.dbhost` (`git clean -x`), so it
 * is found by the folder as well.
 */
export function findInstallation(clone: string): FoundInstallation {
  const id = readId(clone)
  const copiedFrom = id === undefined ? undefined : originalOf(id, clone)
  const own = copiedFrom === undefined ? id : undefined
  const found = own ?? recordedFor(clone)[0]
  return { installation: found === undefined ? undefined : describeInstallation(found, clone), copiedFrom }
}

/** The installation of this clone, made where there is none. A copied `.dbhost` is thrown away first. */
export function openInstallation(clone: string): Installation {
  const { installation: found, copiedFrom } = findInstallation(clone)
  const installation = found ?? describeInstallation(newInstallationId(), clone)
  if (copiedFrom !== undefined) rmSync(installation.privateDir, { recursive: true })
  makeDirectory(installation.privateDir, 0o700)
  // Server, worker and PostgreSQL pass through these as users of their own.
  for (const shared of [STATE, installation.stateDir, RUNTIME, installation.runDir])
    makeDirectory(shared, 0o755)
  makeDirectory(installation.logDir, 0o700)
  // The record comes first: state without a folder that answers for it could never be found again.
  writeFileAtomically(recordOf(installation.id), `${clone}\n`, { mode: 0o644 })
  writeFileAtomically(idFileOf(clone), `${installation.id}\n`, { mode: 0o600 })
  return installation
}

function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode })
  chmodSync(path, mode)
}

function newInstallationId(): string {
  const id = randomName(6)
  return existsSync(join(STATE, id)) ? newInstallationId() : id
}
