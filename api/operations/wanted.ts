import type { EntityManager } from '@mikro-orm/postgresql'
import { type KeyRing, open } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import type { InstanceWanted, TenantsWanted } from '../../provisioner/tenants/wanted.ts'
import { readRevision } from '../model/host-revision.ts'
import { Instance } from '../model/instance.ts'

/** What a pass needs of a database's row. */
export interface TenantRow {
  id: string
  physicalName: string
  instance: string
  wanted: 'present' | 'absent'
  revision: number
  observedRevision: number
  verifier: string
  sealedPassword: string
  clients: number
  /** Canonical CIDRs. */
  rules: string[]
  /** An operation of its own waits for it, which no worker has claimed. */
  awaited: boolean
}

/** What the rows want of one host at one moment. */
export interface HostTenants {
  wanted: TenantsWanted
  /** Of the host's document that these rows make up. */
  revision: number
  /** Rows by physical name. */
  rows: Map<string, TenantRow>
  /** Databases whose wanted revision was not yet seen in force. */
  changed: TenantRow[]
}

// Every pass reads every database of its host, so this makes no entities.
const ROWS = `
  select d.id, d.physical_name as "physicalName", i.name as instance, d.wanted, d.revision,
         d.observed_revision as "observedRevision", d.verifier, d.sealed_password as "sealedPassword", d.clients,
         array(select r.cidr from allowlist_rule r where r.database_id = d.id order by r.position) as rules,
         exists(select from operation o where o.database_id = d.id and o.state = 'queued') as awaited
  from database d join instance i on i.id = d.instance_id
  where i.host_id = ? and d.deleted_at is null
  order by d.physical_name`

export async function loadTenants(em: EntityManager, hostId: string): Promise<HostTenants> {
  const fork = em.fork()
  // Read first: rows that are newer than their revision are put right by the pass that their change has queued.
  const revision = await readRevision(em, hostId)
  const instances = await fork.find(Instance, { host: hostId }, { orderBy: { name: 'asc' } })
  const rows: TenantRow[] = await fork.getConnection().execute(ROWS, [hostId])
  return {
    revision,
    wanted: {
      instances: instances.map(
        ({ name, storageBytes, memoryBytes, maxConnections }): InstanceWanted => ({
          ...{ name, storageBytes, memoryBytes, maxConnections },
        }),
      ),
      databases: rows.map(({ physicalName, instance, wanted, verifier, rules, clients }) => ({
        ...{ name: physicalName, instance, verifier, rules, clients },
        state: wanted === 'absent' ? ('absent' as const) : ('open' as const),
      })),
    },
    rows: new Map(rows.map((row) => [row.physicalName, row])),
    changed: rows.filter((row) => row.wanted === 'absent' || row.revision !== row.observedRevision),
  }
}

/** The password that the control plane keeps for a database, for the login that proves a change. */
export function passwordOf(row: TenantRow, ring: KeyRing): Secret {
  return open(ring, row.sealedPassword, `database:${row.id}:password`)
}
