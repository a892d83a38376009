import { defineEntity, p } from '@mikro-orm/core'

/** What an account may have; null means no limit. */
const PlanSchema = defineEntity({
  name: 'Plan',
  properties: {
    id: p.text().primary(),
    databases: p.integer().nullable(),
    /** Bytes per project, which is the size of its instance. */
    storageBytes: p.bigint('number').nullable(),
    /** Clients per database. */
    connections: p.integer().nullable(),
    apiAccess: p.boolean(),
  },
})

export class Plan extends PlanSchema.class {}
PlanSchema.setClass(Plan)
