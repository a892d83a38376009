import type { EntityManager } from '@mikro-orm/postgresql'
import type { Measured } from '../../provisioner/tenants/storage.ts'

// Facts come and go often, so this makes no entities; one statement for all instances, one for all databases.
const INSTANCES = `
  update instance i set storage_used = m.used, storage_limit = m.size, storage_state = m.state, storage_measured_at = now()
  from jsonb_to_recordset(?::jsonb) as m(name text, used bigint, size bigint, state text)
  where i.host_id = ? and i.name = m.name`

const DATABASES = `
  update database d
  set size_bytes = coalesce((m.sizes ->> d.physical_name)::bigint, d.size_bytes),
      cleanup_until = (m.cleanups ->> d.physical_name)::timestamptz
  from instance i, (select ?::jsonb as instances, ?::jsonb as cleanups, ?::jsonb as sizes) as m
  where i.id = d.instance_id and i.host_id = ? and d.deleted_at is null and jsonb_exists(m.instances, i.name)`

/** Keeps what was measured on a host. Instances that were not looked at keep what is known of them. */
export async function recordMeasured(
  em: EntityManager,
  hostId: string,
  { storage, sizes }: Measured,
): Promise<void> {
  if (storage.size === 0) return
  const instances = [...storage].map(([name, { usedBytes, limitBytes, state }]) => ({
    ...{ name, used: usedBytes, size: limitBytes, state },
  }))
  const cleanups = Object.fromEntries([...storage.values()].flatMap((facts) => [...facts.cleanups]))
  const connection = em.fork().getConnection()
  await connection.execute(INSTANCES, [JSON.stringify(instances), hostId], 'run')
  const values = [[...storage.keys()], cleanups, Object.fromEntries(sizes)].map((one) => JSON.stringify(one))
  await connection.execute(DATABASES, [...values, hostId], 'run')
}
