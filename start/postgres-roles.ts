import pg from 'pg'
import { SERVER_ROLE, WORKER_ROLE } from '../api/model/privileges.ts'

export const ROLES = { owner: 'dbhost_owner', server: SERVER_ROLE, worker: WORKER_ROLE } as const

export const DATABASE_NAME = 'dbhost'

/** The state of the host stacks: a database of its own, which only the worker's role may enter. */
export const STACKS_DATABASE = 'dbhost_stacks'

/** Roles and databases of the control plane, made where they are missing. */
export async function ensureRoles(socketDir: string, port: number): Promise<void> {
  const client = new pg.Client({ host: socketDir, port, user: 'postgres', database: 'postgres' })
  await client.connect()
  try {
    const { rows: roles } = await client.query<{ name: string }>('select rolname as name from pg_roles')
    for (const role of Object.values(ROLES)) {
      if (!roles.some(({ name }) => name === role)) await client.query(`create role ${role} login`)
    }
    for (const [name, owner] of [
      [DATABASE_NAME, ROLES.owner],
      [STACKS_DATABASE, ROLES.worker],
    ] as const) {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
      if (rowCount === 0) await client.query(`create database ${name} owner ${owner}`)
      await client.query(`revoke all on database ${name} from public`)
    }
    await client.query(`grant connect on database ${DATABASE_NAME} to ${ROLES.server}, ${ROLES.worker}`)
  } finally {
    await client.end()
  }
}
