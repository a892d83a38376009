import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomically } from './files.ts'
import type { CreatedDatabase } from './first-database.ts'
import type { Installation } from './installation.ts'

/** What `npm start` prints, for scripts: `.dbhost/start.json`. */
export interface StartFacts {
  apiUrl: string
  apiKey: string
  /** Null after its owner has deleted it. */
  database: {
    id: string
    host: string
    port: number
    database: string
    username: string
    password: string
    /** Works as it stands: it names the file of the host's certificate authority. */
    connectionString: string
    caFile: string
  } | null
}

const fileOf = (installation: Installation): string => join(installation.privateDir, 'start.json')

export function readStartFacts(installation: Installation): StartFacts | undefined {
  if (!existsSync(fileOf(installation))) return undefined
  return JSON.parse(readFileSync(fileOf(installation), 'utf8')) as StartFacts
}

export function writeStartFacts(installation: Installation, facts: StartFacts): void {
  writeFileAtomically(fileOf(installation), `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 })
}

/**
 * The facts of a database, and its host's certificate authority in a file that every user of this computer can
 * read: the clone may lie where only root may enter.
 */
export function describeDatabase(installation: Installation, made: CreatedDatabase): StartFacts['database'] {
  const caFile = join(installation.stateDir, `ca-${made.host.replaceAll(':', '-')}.pem`)
  writeFileAtomically(caFile, made.caCertificate, { mode: 0o644 })
  const { id, host, port, database, username, password } = made
  const connectionString = new URL(made.connectionString)
  connectionString.searchParams.set('sslrootcert', caFile)
  return {
    ...{ id, host, port, database, username, password, caFile },
    connectionString: connectionString.toString().replaceAll('%2F', '/'),
  }
}
