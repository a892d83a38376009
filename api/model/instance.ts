import { defineEntity, p } from '@mikro-orm/core'
import { newId, randomName } from '../../common/ids.ts'
import { Host } from './host.ts'
import { Project } from './project.ts'

/**
 * `full`: all of its databases are closed until there is room; `held`: the host keeps it stopped, because its own
 * disk is nearly full; `unknown`: its file system is not mounted.
 */
export type StorageState = 'ok' | 'warning' | 'critical' | 'full' | 'held' | 'unknown'

/** One PostgreSQL server process: one project on one host. */
const InstanceSchema = defineEntity({
  name: 'Instance',
  uniques: [{ properties: ['project', 'host'] }],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('inst')),
    project: () => p.manyToOne(Project),
    host: () => p.manyToOne(Host),
    name: p
      .text()
      .unique()
      .onCreate(() => `i${randomName(10)}`),
    /** Size of its storage as wanted. */
    storageBytes: p.bigint('number'),
    /** As last measured on the host; null before. */
    storageUsed: p.bigint('number').nullable(),
    storageLimit: p.bigint('number').nullable(),
    storageState: p.text().$type<StorageState>().nullable(),
    storageMeasuredAt: p.datetime().nullable(),
    memoryBytes: p.bigint('number'),
    maxConnections: p.integer(),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class Instance extends InstanceSchema.class {}
InstanceSchema.setClass(Instance)
