import { messageOf } from '../../common/errors.ts'
import { LAYOUT } from '../layout.ts'
import { locked, sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { renderAllowSet } from './allow-set.ts'
import { readPoolClients, uncoveredClients } from './clients.ts'
import { type PoolFiles, poolDigest } from './pool-files.ts'
import { type Failures, runTenantSql } from './sql.ts'
import { type DatabaseWanted, sessionAlias } from './wanted.ts'

/** Files that a throw-away PgBouncer has taken; they wait on the host to come into force. */
export interface TriedFiles {
  digest: string
  generation: string
}

/**
 * Writes tenant files beside those in force and tries them. Changes nothing that anybody uses, so it needs no lock
 * and may run while roles are made. @throws HostError where PgBouncer refuses them
 */
export async function tryPoolFiles(connection: HostConnection, files: PoolFiles): Promise<TriedFiles> {
  const frames = Object.entries(files).map(([name, text]) => `${name} ${Buffer.byteLength(text)}\n${text}`)
  const digest = poolDigest(files)
  const generation = `${digest}-${Date.now()}`
  await connection.run(sh`${LAYOUT.library}/pool-try ${generation}`, {
    input: frames.join(''),
    deadlineMs: 25_000,
  })
  return { digest, generation }
}

/** Puts tried files in force by one rename, reloads PgBouncer and reads back what it has. @throws HostError */
export async function applyPoolFiles(connection: HostConnection, { generation }: TriedFiles): Promise<void> {
  await connection.run(locked(sh`${LAYOUT.library}/pool-apply ${generation}`), { deadlineMs: 25_000 })
}

const entriesOf = ({ name }: DatabaseWanted): string[] => [name, sessionAlias(name)]

/** Statements for PgBouncer's console; the answer is its unaligned output. */
async function console(connection: HostConnection, statements: string[]): Promise<string> {
  if (statements.length === 0) return ''
  return await connection.run(locked(sh`${LAYOUT.library}/pool-admin`), {
    input: statements.map((statement) => `${statement};\n`).join(''),
    deadlineMs: 25_000,
  })
}

/**
 * Ends every session of these databases and lets none begin, on entry and alias, then ends their roles' backends:
 * only now can their owner hold no lock on the role. Logins that had begun under the files before are ended too: they
 * would succeed by the old password.
 */
export async function closeEntries(
  connection: HostConnection,
  databases: readonly DatabaseWanted[],
): Promise<Failures> {
  if (databases.length === 0) return new Map()
  const entries = databases.flatMap(entriesOf)
  const unended = await endClients(connection, entries, '--entries').then(
    () => undefined,
    (error: unknown) => error,
  )
  if (unended !== undefined && !connection.alive) throw unended
  const failures = await runTenantSql(connection, 'close-role', databases)
  // Which of them is not told; each is closed again by its next attempt.
  if (unended !== undefined) for (const { name } of databases) failures.set(name, messageOf(unended))
  return failures
}

/** Lets logins in again after `closeEntries`. */
export async function reopenEntries(
  connection: HostConnection,
  databases: readonly DatabaseWanted[],
): Promise<void> {
  await console(
    connection,
    databases.flatMap(entriesOf).map((entry) => `ENABLE ${entry}`),
  )
}

/** Ends exactly the sessions whose address no rule covers any more. @returns how many */
export async function closeUncovered(
  connection: HostConnection,
  databases: readonly DatabaseWanted[],
): Promise<number> {
  if (databases.length === 0) return 0
  const shown = readPoolClients(await connection.run(sh`${LAYOUT.library}/pool-sockets`))
  const uncovered = uncoveredClients(shown, databases).map(({ id }) => id)
  if (uncovered.length > 0) await endClients(connection, uncovered)
  return uncovered.length
}

/** Ends what is named, ids or with `--entries` entries, and waits until it is gone. */
async function endClients(
  connection: HostConnection,
  names: readonly (string | number)[],
  ...options: '--entries'[]
): Promise<void> {
  await connection.run(locked(sh`${LAYOUT.library}/pool-end ${options}`), {
    input: names.map((name) => `${name}\n`).join(''),
    deadlineMs: 25_000,
  })
}

/** Exit code of `allow-apply` where the host has seen a later revision. */
export const SEEN_LATER = 3

/**
 * Makes the firewall's allowlist sets hold exactly these networks, now and at the next boot.
 * @param revision of the host's document that wants them @throws HostError where the host has seen a later one
 */
export async function applyAllowSet(
  connection: HostConnection,
  cidrs: readonly string[],
  revision: number,
): Promise<void> {
  await connection.run(locked(sh`${LAYOUT.library}/allow-apply ${revision}`), {
    input: renderAllowSet(cidrs),
    deadlineMs: 25_000,
  })
}
