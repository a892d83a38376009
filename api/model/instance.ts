import { defineEntity, p } from '@mikro-orm/core'
import { newId, randomName } from '../../common/ids.ts'
import { Host } from './host.ts'
import { Project } from './project.ts'

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
    storageBytes: p.bigint('number'),
    memoryBytes: p.bigint('number'),
    maxConnections: p.integer(),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class Instance extends InstanceSchema.class {}
InstanceSchema.setClass(Instance)
