import pg from 'pg'
import { type DatabaseAddress, openOrm } from '../api/model/orm.ts'
import { GRANT_PRIVILEGES } from '../api/model/privileges.ts'
import { installQueue } from '../api/services/queue.ts'
import type { Installation } from './installation.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { DATABASE_NAME, ROLES } from './postgres-roles.ts'

/** Any number; it only has to be the same for everybody who migrates. */
const MIGRATION_LOCK = 7_432_001

/** The control plane's database as its owner, by the socket. */
export const ownerAddress = (installation: Installation): DatabaseAddress => ({
  ...{ host: installation.databaseSocketDir, port: DATABASE_PORT },
  ...{ user: ROLES.owner, database: DATABASE_NAME },
})

/** Brings tables, queue and privileges up to date; several at once wait for each other. */
export async function migrate(installation: Installation): Promise<void> {
  const address = ownerAddress(installation)
  const guard = new pg.Client(address)
  await guard.connect()
  try {
    await guard.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await runMigrations(address)
    await installQueue(address)
    await guard.query(GRANT_PRIVILEGES)
  } finally {
    await guard.end()
  }
}

async function runMigrations(address: DatabaseAddress): Promise<void> {
  const orm = await openOrm(address, 2)
  try {
    orm.config.set('migrations', { ...orm.config.get('migrations'), silent: true })
    await orm.migrator.up()
  } finally {
    await orm.close()
  }
}
