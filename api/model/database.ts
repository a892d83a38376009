import { defineEntity, type Opt, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import { Instance } from './instance.ts'
import { Project } from './project.ts'

export type DatabaseStatus = 'creating' | 'active' | 'changing' | 'deleting' | 'error'

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
    createdAt: p.datetime().onCreate(() => new Date()),
    deletedAt: p.datetime().nullable(),
  },
})

export class Database extends DatabaseSchema.class {
  get status(): Opt<DatabaseStatus> {
    if (this.wanted === 'absent') return 'deleting'
    if (this.observedRevision === this.revision) return 'active'
    if (this.failure !== null) return 'error'
    return this.observedRevision === 0 ? 'creating' : 'changing'
  }
}
DatabaseSchema.setClass(Database)
