import type { EntityManager } from '@mikro-orm/postgresql'
import type { CloudIdentity, CloudSpec, HostAccess } from '../../hosts/host-spec.ts'
import { Host } from './host.ts'
import { readRevision } from './host-revision.ts'

const CONTENT = `
  select coalesce(array_agg(distinct r.cidr) filter (where r.cidr is not null and d.wanted = 'present'), '{}') as allow,
         count(distinct d.id)::int as databases
  from instance i
  join database d on d.instance_id = i.id and d.deleted_at is null
  left join allowlist_rule r on r.database_id = d.id
  where i.host_id = ?`

/** Everything that the document of a host says. */
export type HostContent = Pick<Host, 'id' | 'name' | 'spec' | 'edgeDigest'> & {
  revision: number
  /** Null: its machine is still to be bought. */
  access: HostAccess | null
  cloud: (CloudSpec & CloudIdentity) | null
  /** Canonical CIDRs of all databases. */
  allow: string[]
  /** How many it holds. */
  databases: number
}

/** As the rows want a host now; undefined until its machine has booted, or the keys of a bought one are made. */
export async function readHostContent(em: EntityManager, hostId: string): Promise<HostContent | undefined> {
  const fork = em.fork()
  // Read first: what has changed since makes another revision, which is served in its turn.
  const revision = await readRevision(em, hostId)
  const host = await fork.findOneOrFail(Host, { id: hostId })
  const { id, name, spec, edgeDigest } = host
  const cloud = host.cloud && host.cloudIdentity ? { ...host.cloud, ...host.cloudIdentity } : null
  if (!host.ssh && !cloud) return undefined
  const rows: { allow: string[]; databases: number }[] = await fork.getConnection().execute(CONTENT, [hostId])
  const { allow, databases } = rows[0] ?? { allow: [], databases: 0 }
  return { id, name, spec, edgeDigest, revision, access: host.ssh ?? null, cloud, allow, databases }
}
