import { defineEntity, p } from '@mikro-orm/core'
import { Database } from './database.ts'

const AllowlistRuleSchema = defineEntity({
  name: 'AllowlistRule',
  uniques: [{ properties: ['database', 'cidr'] }],
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    database: () => p.manyToOne(Database),
    /** Canonical text: host bits cleared, prefix always given. */
    cidr: p.text(),
    label: p.text().nullable(),
    position: p.integer(),
  },
})

export class AllowlistRule extends AllowlistRuleSchema.class {}
AllowlistRuleSchema.setClass(AllowlistRule)
