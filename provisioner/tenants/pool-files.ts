import { createHash } from 'node:crypto'
import { byText } from '../../common/order.ts'
import { LAYOUT } from '../layout.ts'
import { type DatabaseWanted, sessionAlias } from './wanted.ts'

const POOL_SIZE = 12
const SESSION_POOL_SIZE = 6

/** The generated part of PgBouncer's configuration. */
export interface PoolFiles {
  'databases.ini': string
  'hba.conf': string
  'userlist.txt': string
}

/** Clients of the two entries; together exactly `clients`, where that is at least 2. */
export function splitClients(clients: number): { pooled: number; session: number } {
  const session = Math.max(1, Math.min(SESSION_POOL_SIZE, Math.floor(clients / 5)))
  return { pooled: Math.max(1, clients - session), session }
}

/**
 * Renders the files for the databases whose door is open; the order does not depend on the order given.
 * @param leaving databases that nobody may enter any more and whose entries still stand: PgBouncer must not lose an
 *   entry while a login to it is under way (see pool-end)
 */
export function renderPoolFiles(
  databases: readonly DatabaseWanted[],
  leaving: readonly DatabaseWanted[] = [],
): PoolFiles {
  const inOrder = databases.toSorted((a, b) => byText(a.name, b.name))
  const open = inOrder.filter((database) => database.state === 'open')
  const standing = inOrder.filter((database) => database.state === 'open' || leaving.includes(database))
  return {
    'databases.ini': standing.map(databaseLines).join(''),
    'hba.conf': open.map(hbaLines).join(''),
    'userlist.txt': open.map(({ name, verifier }) => `"${name}" "${verifier}"\n`).join(''),
  }
}

function databaseLines({ name, instance, clients }: DatabaseWanted): string {
  const server = `host=${LAYOUT.instances.sockets}/${instance} dbname=${name}`
  const split = splitClients(clients)
  const entry = (size: number, most: number): string =>
    `pool_size=${size} max_db_connections=${size} max_db_client_connections=${most}`
  return (
    `${name} = ${server} ${entry(POOL_SIZE, split.pooled)}\n` +
    `${sessionAlias(name)} = ${server} pool_mode=session ${entry(SESSION_POOL_SIZE, split.session)}\n`
  )
}

function hbaLines({ name, rules }: DatabaseWanted): string {
  return [name, sessionAlias(name)]
    .flatMap((entry) => [
      `local "${entry}" "${name}" scram-sha-256\n`,
      ...rules.toSorted(byText).map((rule) => `hostssl "${entry}" "${name}" ${rule} scram-sha-256\n`),
    ])
    .join('')
}

/** The first 16 hexadecimal digits of the SHA-256 over the three files, as `tenant-facts` prints it. */
export function poolDigest(files: PoolFiles): string {
  const text = files['databases.ini'] + files['hba.conf'] + files['userlist.txt']
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
