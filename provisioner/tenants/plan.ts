import { allowDigest, allowUnion } from './allow-set.ts'
import type { DatabaseFacts, InstanceFacts, RoleFacts, TenantFacts } from './facts.ts'
import { CLEANUP_CONNECTIONS, DATABASE_CONNECTIONS, ROLE_CONNECTIONS } from './limits.ts'
import { planStorage, type StoragePlan } from './plan-storage.ts'
import { type PoolFiles, poolDigest, renderPoolFiles } from './pool-files.ts'
import type { StorageFacts } from './storage.ts'
import type { DatabaseWanted, InstanceWanted, TenantsWanted } from './wanted.ts'

/** What a pass does for the tenants of a host, in this order; each part may be empty. */
export interface TenantPlan {
  instances: InstanceWanted[]
  storage: StoragePlan
  /** Doors to shut before any role is touched: sessions end on entry and alias. */
  close: { files: PoolFiles | null; entries: DatabaseWanted[]; clients: DatabaseWanted[] }
  drop: DatabaseWanted[]
  ensure: DatabaseWanted[]
  /** Networks to let in before the pool opens; null where nothing is added. */
  admit: string[] | null
  open: PoolFiles | null
  /** Networks left when everything is done; null where nothing is taken away. */
  shut: string[] | null
  /** The differences that were found, in words. */
  reasons: string[]
}

/**
 * Pure: compares what is wanted with what was read.
 * @param closing names of databases whose door must shut first: password replaced, rule removed, deleted
 */
export function planTenants(
  wanted: TenantsWanted,
  facts: TenantFacts,
  closing: { passwords: ReadonlySet<string>; rules: ReadonlySet<string> },
): TenantPlan {
  const reasons: string[] = []
  const storage = planStorage(wanted, facts)
  const used = new Set(wanted.databases.map(({ instance }) => instance))
  const instances = wanted.instances.filter(({ name }) => {
    const state = facts.instances.get(name)?.state
    if (state === undefined || state === 'active' || !used.has(name) || storage.held.has(name)) return false
    reasons.push(`instance ${name} is ${state}`)
    return true
  })
  reasons.push(...storage.reasons)
  const seen = ({ name, instance }: DatabaseWanted): InstanceFacts | undefined => {
    const found = facts.instances.get(instance)
    return found && (found.looked === 'all' || found.looked.has(name)) ? found : undefined
  }
  const ensure = wanted.databases.filter((database) => {
    const instance = seen(database)
    if (database.state === 'absent' || !instance || storage.impossible.has(database.name)) return false
    if (instance.state !== 'active') return true
    const differences = databaseDifferences(
      database,
      instance.databases.get(database.name),
      instance.roles.get(database.name),
      openConnections(database.name, facts.storage.get(database.instance)),
    )
    reasons.push(...differences.map((difference) => `${database.name}: ${difference}`))
    return differences.length > 0
  })
  const drop = wanted.databases.filter(
    ({ name, state }) => state === 'absent' && !storage.impossible.has(name),
  )
  const born = new Set(
    wanted.databases.filter((database) => {
      const fresh = ensure.includes(database) && !seen(database)?.databases.has(database.name)
      return fresh || storage.unborn.has(database.name)
    }),
  )
  const standing = wanted.databases.filter((database) => !born.has(database))

  const final = renderPoolFiles(wanted.databases.filter(({ name }) => !storage.unborn.has(name)))
  const leaving = standing.filter(({ state }) => state !== 'open')
  const before = renderPoolFiles(standing, leaving)
  const entries = standing.filter(({ name, state }) => state !== 'open' || closing.passwords.has(name))
  const clients = standing.filter(({ name }) => closing.rules.has(name))
  const inForce = (files: PoolFiles): boolean =>
    facts.pool.digest === poolDigest(files) && facts.pool.loaded === facts.pool.generation
  const closes = entries.length > 0 || clients.length > 0
  // What has left the files already is not put back to be closed again.
  const closeFiles = closes && !inForce(before) && !inForce(final) ? before : null
  const opens = closeFiles ? poolDigest(before) !== poolDigest(final) : !inForce(final)
  if (!inForce(final)) reasons.push('the files of the pool differ')

  const union = allowUnion(wanted.databases)
  const admitted = [...new Set([...facts.allow.elements, ...union])].toSorted()
  const grows = admitted.length > facts.allow.elements.length
  const rest = grows ? admitted : facts.allow.elements
  const shrinks = rest.length > union.length || (!grows && facts.allow.digest !== allowDigest(union))
  if (facts.allow.digest !== allowDigest(union)) reasons.push('the allowlist sets of the firewall differ')
  return {
    instances,
    storage,
    close: { files: closeFiles, entries, clients },
    drop,
    ensure,
    admit: grows ? admitted : null,
    open: opens ? final : null,
    shut: shrinks ? union : null,
    reasons,
  }
}

/** The watchdog on the host closes what is full; a converge that opened it again would fight it. */
function openConnections(name: string, storage: StorageFacts | undefined): number {
  if (storage?.state !== 'full') return DATABASE_CONNECTIONS
  return storage.cleanups.has(name) ? CLEANUP_CONNECTIONS : 0
}

/** What is not as wanted of one database and its role, in words. */
function databaseDifferences(
  wanted: DatabaseWanted,
  database: DatabaseFacts | undefined,
  role: RoleFacts | undefined,
  connections: number,
): string[] {
  if (!database || !role) return [database ? 'the role is missing' : 'the database is missing']
  const expected = ['CONNECT', 'CREATE', 'TEMPORARY'].map((right) => `${wanted.name}=${right}`).join(',')
  const privileges = database.privileges.split(',').toSorted().join(',')
  return [
    [role.verifier === wanted.verifier, 'the password differs'],
    [role.connectionLimit === ROLE_CONNECTIONS, `connection limit of the role is ${role.connectionLimit}`],
    [role.attributes === 'l', `attributes of the role are "${role.attributes}"`],
    [!role.memberOfOthers, 'the role is a member of another'],
    [database.connectionLimit === connections, `connection limit is ${database.connectionLimit}`],
    [database.allowsConnections, 'connections are switched off'],
    [database.ownedByPlatform, 'the owner is not the platform'],
    [privileges === expected, `privileges are ${privileges}`],
  ]
    .filter(([holds]) => holds !== true)
    .map(([, text]) => String(text))
}
