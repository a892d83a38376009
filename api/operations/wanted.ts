import type { EntityManager } from '@mikro-orm/postgresql'
import { type KeyRing, open } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import type { DatabaseWanted, TenantsWanted } from '../../provisioner/tenants/wanted.ts'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import { Database } from '../model/database.ts'
import { Instance } from '../model/instance.ts'

/** What the rows want of one host at one moment. */
export interface HostTenants {
  wanted: TenantsWanted
  /** Rows by physical name. */
  rows: Map<string, Database>
  /** Databases whose wanted revision was not yet seen in force. */
  changed: Database[]
}

export async function loadTenants(em: EntityManager, hostId: string): Promise<HostTenants> {
  const fork = em.fork()
  const instances = await fork.find(Instance, { host: hostId }, { orderBy: { name: 'asc' } })
  const databases = await fork.find(Database, { instance: { host: hostId }, deletedAt: null })
  const rules = await fork.find(
    AllowlistRule,
    { database: { instance: { host: hostId }, deletedAt: null } },
    { orderBy: { position: 'asc' } },
  )
  const byDatabase = Map.groupBy(rules, (rule) => rule.database.id)
  return {
    wanted: {
      instances: instances.map(({ name, storageBytes, memoryBytes, maxConnections }) => ({
        ...{ name, storageBytes, memoryBytes, maxConnections },
      })),
      databases: databases.map((row) => toWanted(row, byDatabase.get(row.id) ?? [])),
    },
    rows: new Map(databases.map((row) => [row.physicalName, row])),
    changed: databases.filter((row) => row.wanted === 'absent' || row.revision !== row.observedRevision),
  }
}

function toWanted(row: Database, rules: readonly AllowlistRule[]): DatabaseWanted {
  return {
    name: row.physicalName,
    instance: row.instance.name,
    state: row.wanted === 'absent' ? 'absent' : 'open',
    verifier: row.verifier,
    rules: rules.map((rule) => rule.cidr),
    clients: row.clients,
  }
}

/** The password that the control plane keeps for a database, for the login that proves a change. */
export function passwordOf(row: Database, ring: KeyRing): Secret {
  return open(ring, row.sealedPassword, `database:${row.id}:password`)
}
