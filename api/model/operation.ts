import { defineEntity, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import type { OperationKind } from '../operations/kinds.ts'
import { Account } from './account.ts'
import { Database } from './database.ts'
import { Host } from './host.ts'

export type OperationState = 'queued' | 'running' | 'succeeded' | 'failed'

export interface OperationError {
  code: string
  message: string
  retryable: boolean
  /** Of the request, where one of them was wrong. */
  fields?: { field: string; message: string }[]
}

/** A durable piece of work on one host. */
const OperationSchema = defineEntity({
  name: 'Operation',
  indexes: [
    { properties: ['host', 'state'] },
    { properties: ['account', 'id'] },
    { properties: ['database', 'id'] },
  ],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('op')),
    kind: p.text().$type<OperationKind>(),
    /** Null for work that the operator or a schedule started. */
    account: () => p.manyToOne(Account).nullable(),
    database: () => p.manyToOne(Database).nullable(),
    host: () => p.manyToOne(Host),
    state: p.text().$type<OperationState>().default('queued'),
    /** The API key behind it; null where the platform itself asked. */
    credentialId: p.text().nullable(),
    /** The database's revision that this operation makes true. */
    revision: p.integer().nullable(),
    /** What it was asked with, where no other row says it. */
    input: p.json<Record<string, unknown>>().nullable(),
    /** What a revoked operation puts back. */
    undo: p.json<Record<string, unknown>>().nullable(),
    /** The password that this operation's answer shows, sealed; gone after 24 hours. */
    sealedSecret: p.text().nullable(),
    error: p.json<OperationError>().nullable(),
    /** What it found out, where that is what it was asked for. */
    result: p.json<Record<string, unknown>>().nullable(),
    attempts: p.integer().default(0),
    /** The worker that runs it; every later write of that worker repeats this mark. */
    claimedBy: p.text().nullable(),
    /** Not before this moment, after an attempt that failed for a reason that may pass. */
    retryAt: p.datetime().nullable(),
    createdAt: p.datetime().onCreate(() => new Date()),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
  },
})

export class Operation extends OperationSchema.class {}
OperationSchema.setClass(Operation)
