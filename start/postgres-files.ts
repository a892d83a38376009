import type { Installation } from './installation.ts'
import { ROLES } from './postgres-roles.ts'

export const DATABASE_PORT = 5432

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** `postgresql.conf` of the control plane's own server: reached by its socket and by nothing else. */
export function postgresConf(installation: Installation): string {
  const settings: Record<string, string> = {
    listen_addresses: quote(''),
    port: String(DATABASE_PORT),
    unix_socket_directories: quote(installation.databaseSocketDir),
    unix_socket_group: quote(installation.group),
    unix_socket_permissions: '0770',
    max_connections: '100',
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    timezone: quote('UTC'),
    log_timezone: quote('UTC'),
    log_line_prefix: quote('%m [%p] %u@%d '),
    cluster_name: quote(`dbhost-${installation.id}`),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return `${lines.join('\n')}\n`
}

/** `pg_hba.conf`: the system says who calls, no password exists. */
export const POSTGRES_HBA = 'local all all peer map=programs\n'

/** `pg_ident.conf`: one role for each OS user; root, who could become anyone, is owner and administrator. */
export function postgresIdent(installation: Installation): string {
  const { server, worker } = installation.users
  const pairs = [
    ['root', 'postgres'],
    ['root', ROLES.owner],
    // The state of the stacks is the worker's.
    ['root', ROLES.worker],
    [server, ROLES.server],
    [worker, ROLES.worker],
  ]
  return pairs.map(([user, role]) => `programs ${user} ${role}\n`).join('')
}
