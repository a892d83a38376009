import { defineEntity, type Opt, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import { Account } from './account.ts'

/** A bearer credential; of the key itself only its SHA-256 is kept. */
const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('key')),
    account: () => p.manyToOne(Account),
    label: p.text(),
    prefix: p.text(),
    hash: p.text().unique(),
    /** May see and register hosts of the whole installation. */
    operator: p.boolean(),
    createdAt: p.datetime().onCreate(() => new Date()),
    expiresAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
  },
})

export class ApiKey extends ApiKeySchema.class {
  /** Null where the key is good at this moment. */
  get invalidBecause(): Opt<'revoked' | 'expired'> | null {
    if (this.revokedAt) return 'revoked'
    return this.expiresAt && this.expiresAt <= new Date() ? 'expired' : null
  }
}
ApiKeySchema.setClass(ApiKey)
