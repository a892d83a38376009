import { defineEntity, p } from '@mikro-orm/core'

/** That this credential sent this key to this route, and what came of it. Holds no answer and no secret. */
const IdempotencyRecordSchema = defineEntity({
  name: 'IdempotencyRecord',
  indexes: [{ properties: ['createdAt'] }],
  properties: {
    credentialId: p.text().primary(),
    route: p.text().primary(),
    key: p.text().primary(),
    bodyHash: p.text(),
    /** Id of the operation, or of the resource where the request made no operation. */
    result: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
  },
})

export class IdempotencyRecord extends IdempotencyRecordSchema.class {}
IdempotencyRecordSchema.setClass(IdempotencyRecord)
