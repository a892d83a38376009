import { LAYOUT } from '../layout.ts'
import { locked, sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { CLEANUP_CONNECTIONS, DATABASE_CONNECTIONS, ROLE_CONNECTIONS } from './limits.ts'
import type { DatabaseWanted } from './wanted.ts'

export type TenantScript = 'ensure-database' | 'close-role' | 'drop-database'

/** By name of the database: why its script failed. Those not named went well. */
export type Failures = Map<string, string>

/** Runs one of our fixed scripts for each database, each by itself; the values reach psql as quoted variables. */
export async function runTenantSql(
  connection: HostConnection,
  script: TenantScript,
  databases: readonly DatabaseWanted[],
): Promise<Failures> {
  if (databases.length === 0) return new Map()
  const frames = databases.map((database, id) => {
    const sql = `${sqlVariables(database)}\\i ${LAYOUT.library}/sql/${script}.sql\n`
    return `${id} ${database.instance} ${Buffer.byteLength(sql)}\n${sql}`
  })
  const output = await connection.run(locked(sh`${LAYOUT.library}/tenant-sql`), {
    input: frames.join(''),
    deadlineMs: 25_000,
  })
  return readResults(output, databases)
}

function readResults(output: string, databases: readonly DatabaseWanted[]): Failures {
  const failures: Failures = new Map(
    databases.map(({ name }) => [name, 'the host did not report an outcome']),
  )
  for (const line of output.split('\n')) {
    const match = /^(\d+) (\d+) ?(.*)$/.exec(line)
    const database = match ? databases[Number(match[1])] : undefined
    if (!match || !database) continue
    if (match[2] === '0') failures.delete(database.name)
    else failures.set(database.name, match[3] || `psql ended with code ${match[2]}`)
  }
  return failures
}

/** What the scripts need to know, as psql's own commands. Validated (see validate.ts), and quoted all the same. */
export function sqlVariables({ name, verifier }: Pick<DatabaseWanted, 'name' | 'verifier'>): string {
  const values = {
    name,
    verifier,
    role_connections: String(ROLE_CONNECTIONS),
    database_connections: String(DATABASE_CONNECTIONS),
    cleanup_connections: String(CLEANUP_CONNECTIONS),
  }
  return Object.entries(values)
    .map(([key, value]) => `\\set ${key} '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`)
    .join('')
}
