import pg from 'pg'
import { type DatabaseAddress, openOrm } from '../api/model/orm.ts'
import { GRANT_PRIVILEGES, SERVER_ROLE, WORKER_ROLE } from '../api/model/privileges.ts'
import { installQueue } from '../api/services/queue.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'

/** A control plane's database as `npm start` makes it, with the three roles that use it. */
export interface TestDatabase {
  owner: DatabaseAddress
  server: DatabaseAddress
  worker: DatabaseAddress
}

const OWNER_ROLE = 'dbhost_owner'
const TEMPLATE = 'dbhost_template'

async function withClient<T>(address: DatabaseAddress, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(address)
  await client.connect()
  try {
    return await act(client)
  } finally {
    await client.end()
  }
}

const administrator = (postgres: TestPostgres): DatabaseAddress => ({
  ...postgres,
  user: 'postgres',
  database: 'postgres',
})

async function makeTemplate(): Promise<TestPostgres> {
  const postgres = await startPostgres()
  await withClient(administrator(postgres), async (client) => {
    for (const role of [OWNER_ROLE, SERVER_ROLE, WORKER_ROLE]) await client.query(`create role ${role} login`)
    await client.query(`create database ${TEMPLATE} owner ${OWNER_ROLE}`)
  })
  const owner = { ...postgres, user: OWNER_ROLE, database: TEMPLATE }
  const orm = await openOrm(owner, 2)
  orm.config.set('migrations', { ...orm.config.get('migrations'), silent: true })
  await orm.migrator.up()
  await orm.close()
  await installQueue(owner)
  await withClient(owner, (client) => client.query(GRANT_PRIVILEGES))
  return postgres
}

let template: Promise<TestPostgres> | undefined
let count = 0

/** A migrated database of the caller's own, in the one PostgreSQL of this process. */
export async function newDatabase(): Promise<TestDatabase> {
  template ??= makeTemplate()
  const postgres = await template
  const database = `dbhost_${++count}`
  await withClient(administrator(postgres), (client) =>
    client.query(`create database ${database} template ${TEMPLATE} strategy file_copy owner ${OWNER_ROLE}`),
  )
  const as = (user: string): DatabaseAddress => ({ ...postgres, user, database })
  return { owner: as(OWNER_ROLE), server: as(SERVER_ROLE), worker: as(WORKER_ROLE) }
}

/** Rows of one statement, in the role of the given address. */
export async function query<Row extends pg.QueryResultRow>(
  address: DatabaseAddress,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return await withClient(address, async (client) => (await client.query<Row>(sql, values)).rows)
}
