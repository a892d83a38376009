import { defineEntity, type Opt, p } from '@mikro-orm/core'
import type { FailedLogins } from '../../common/failed-logins.ts'
import { newId } from '../../common/ids.ts'
import { Instance } from './instance.ts'
import { Project } from './project.ts'

/**
 * `storage-full`, `storage-held`: closed, because its project's storage or the disk of its host is full.
 * `cleanup`: the storage is full, and its owner may log in for a while to make room.
 */
export type DatabaseStatus =
  | 'creating'
  | 'active'
  | 'changing'
  | 'deleting'
  | 'error'
  | 'storage-full'
  | 'storage-held'
  | 'cleanup'

/** Wanted and observed stand apart; the status is derived. */
const DatabaseSchema = defineEntity({
  name: 'Database',
  uniques: [{ properties: ['project', 'name'], where: 'deleted_at is null', name: 'database_name_unique' }],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('db')),
    project: () => p.manyToOne(Project),
    instance: () => p.manyToOne(Instance),
    name: p.text(),
    displayName: p.text(),
    /** Name of database and role on the host. */
    physicalName: p.text().unique(),
    sealedPassword: p.text(),
    verifier: p.text(),
    allowWide: p.boolean(),
    clients: p.integer(),
    wanted: p.text().$type<'present' | 'absent'>(),
    /** Grows with each change of what is wanted, the allowlist included. */
    revision: p.integer().default(1),
    /** The revision that was seen in force on the host; 0 where it was never seen there. */
    observedRevision: p.integer().default(0),
    observedAt: p.datetime().nullable(),
    /** Why the last attempt to reach the wanted revision failed. */
    failure: p.text().nullable(),
    /** As last measured on the host; null before. */
    sizeBytes: p.bigint('number').nullable(),
    /** Until when its owner may log in to a full instance. */
    cleanupUntil: p.datetime().nullable(),
    /** Those from whom most came; null where nobody failed. */
    failedLogins: p.json().$type<FailedLogins[]>().nullable(),
    createdAt: p.datetime().onCreate(() => new Date()),
    deletedAt: p.datetime().nullable(),
  },
})

export class Database extends DatabaseSchema.class {
  get status(): Opt<DatabaseStatus> {
    if (this.wanted === 'absent') return 'deleting'
    const stored = this.observedRevision > 0 ? storageStatus(this) : undefined
    if (stored !== undefined) return stored
    if (this.observedRevision === this.revision) return 'active'
    if (this.failure !== null) return 'error'
    return this.observedRevision === 0 ? 'creating' : 'changing'
  }
}
DatabaseSchema.setClass(Database)

function storageStatus({ instance, cleanupUntil }: Database): DatabaseStatus | undefined {
  if (instance.storageState === 'held') return 'storage-held'
  if (instance.storageState !== 'full') return undefined
  return cleanupUntil && cleanupUntil > new Date() ? 'cleanup' : 'storage-full'
}
