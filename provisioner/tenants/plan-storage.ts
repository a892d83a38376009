import type { TenantFacts } from './facts.ts'
import type { InstanceWanted, TenantsWanted } from './wanted.ts'

/** What a pass does about storage, and what it cannot do because of it. */
export interface StoragePlan {
  grow: InstanceWanted[]
  /** Instances that hold no database any more and that nobody wants to have one. */
  remove: string[]
  /** Instances that the host keeps stopped. */
  held: Set<string>
  /** By name of the database: why nothing can be done in its instance now, in a sentence that says what to do. */
  impossible: Map<string, string>
  /** Of those the ones that were never made: they have no place in the pool. */
  unborn: Set<string>
  reasons: string[]
}

const HELD =
  "the disk of its host is nearly full, so the host keeps this project's instance stopped: the operator must make room there"
const FULL =
  'the storage of this project on its host is full: delete data (POST /databases/{id}/cleanup-login lets you in for it), or have it made larger'

/** Pure. */
export function planStorage({ instances, databases }: TenantsWanted, facts: TenantFacts): StoragePlan {
  const stateOf = (instance: string) => facts.storage.get(instance)?.state
  const held = new Set(instances.map(({ name }) => name).filter((name) => stateOf(name) === 'held'))
  const grow = instances.filter(({ name, storageBytes }) => {
    const storage = facts.storage.get(name)
    return storage?.kind === 'image' && storage.limitBytes !== null && storage.limitBytes < storageBytes
  })
  const used = new Set(databases.map(({ instance }) => instance))
  const remove = instances
    .map(({ name }) => name)
    .filter((name) => {
      const seen = facts.instances.get(name)
      return facts.storage.has(name) && seen?.looked === 'all' && seen.databases.size === 0 && !used.has(name)
    })
  const impossible = new Map<string, string>()
  const unborn = new Set<string>()
  for (const { name, instance, state } of databases) {
    if (held.has(instance)) impossible.set(name, HELD)
    else if (stateOf(instance) === 'full' && state !== 'absent' && isNew(facts, instance, name)) {
      impossible.set(name, FULL)
      unborn.add(name)
    }
  }
  const reasons = [
    ...grow.map(
      ({ name, storageBytes }) => `the storage of instance ${name} is smaller than ${storageBytes} bytes`,
    ),
    ...remove.map((name) => `instance ${name} holds no database any more`),
    ...[...held].map((name) => `instance ${name} is held stopped by its host`),
  ]
  return { grow, remove, held, impossible, unborn, reasons }
}

function isNew({ instances }: TenantFacts, instance: string, name: string): boolean {
  const seen = instances.get(instance)
  const looked = seen !== undefined && (seen.looked === 'all' || seen.looked.has(name))
  return looked && !seen.databases.has(name)
}
