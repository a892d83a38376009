import type { EntityManager } from '@mikro-orm/postgresql'
import type { FailedLogins } from '../../common/failed-logins.ts'

// Most databases have none, and keep having none: nothing is written then.
const RECORD = `
  update database d set failed_logins = m.failed -> d.physical_name
  from instance i, (select ?::jsonb as failed) as m
  where i.id = d.instance_id and i.host_id = ? and d.deleted_at is null
    and d.failed_logins is distinct from m.failed -> d.physical_name`

/** Keeps who failed to log in to the databases of a host, by their names there. */
export async function recordFailedLogins(
  em: EntityManager,
  hostId: string,
  failed: ReadonlyMap<string, FailedLogins[]>,
): Promise<void> {
  const values = [JSON.stringify(Object.fromEntries(failed)), hostId]
  await em.fork().getConnection().execute(RECORD, values, 'run')
}
