import pg from 'pg'
import { SERVER_ROLE, WORKER_ROLE } from '../api/model/privileges.ts'

export const ROLES = { owner: 'dbhost_owner', server: SERVER_ROLE, worker: WORKER_ROLE } as const

export const DATABASE_NAME = 'dbhost'

/** Roles and database of the control plane, made where they are missing. */
export async function ensureRoles(socketDir: string, port: number): Promise<void> {
  const client = new pg.Client({ host: socketDir, port, user: 'postgres', database: 'postgres' })
  await client.connect()
  try {
    const { rows: roles } = await client.query<{ name: string }>('select rolname as name from pg_roles')
    for (const role of Object.values(ROLES)) {
      if (!roles.some(({ name }) => name === role)) await client.query(`create role ${role} login`)
    }
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE_NAME])
    if (rowCount === 0) await client.query(`create database ${DATABASE_NAME} owner ${ROLES.owner}`)
    await client.query(`revoke all on database ${DATABASE_NAME} from public`)
    await client.query(`grant connect on database ${DATABASE_NAME} to ${ROLES.server}, ${ROLES.worker}`)
  } finally {
    await client.end()
  }
}
