import { defineEntity, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import { Account } from './account.ts'

/** Who did what to which resource. Never holds a secret, sealed or not. */
const AuditEventSchema = defineEntity({
  name: 'AuditEvent',
  indexes: [{ properties: ['account', 'id'] }],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('evt')),
    account: () => p.manyToOne(Account).nullable(),
    /** Id of the credential, or `platform`. */
    actor: p.text(),
    action: p.text(),
    /** Id of the resource. */
    resource: p.text(),
    details: p.json<Record<string, unknown>>(),
    sourceAddress: p.text().nullable(),
    requestId: p.text().nullable(),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class AuditEvent extends AuditEventSchema.class {}
AuditEventSchema.setClass(AuditEvent)
