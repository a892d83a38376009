import { defineEntity, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import { Plan } from './plan.ts'

const AccountSchema = defineEntity({
  name: 'Account',
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('acc')),
    name: p.text(),
    plan: () => p.manyToOne(Plan),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account)
