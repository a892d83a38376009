import type { EntityManager } from '@mikro-orm/postgresql'
import { Database } from './database.ts'
import { Instance } from './instance.ts'

/** Removes the instances of a host that goes; rows of deleted databases still name some, and those stay. */
export async function removeUnusedInstances(tx: EntityManager, hostId: string): Promise<void> {
  const rows = await tx.find(Database, { instance: { host: hostId } })
  const used = rows.map(({ instance }) => instance.id)
  await tx.nativeDelete(Instance, { host: hostId, id: { $nin: used } })
}
