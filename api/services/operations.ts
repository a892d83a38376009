import type { EntityManager } from '@mikro-orm/postgresql'
import { Account } from '../model/account.ts'
import { AuditEvent } from '../model/audit-event.ts'
import type { Database } from '../model/database.ts'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import { OPERATION_STEPS, type OperationKind } from '../operations/kinds.ts'
import type { Actor } from './context.ts'

export interface NewOperation {
  kind: OperationKind
  hostId: string
  database?: Database
  undo?: Record<string, unknown>
  input?: Record<string, unknown>
}

/** Writes an operation with its steps; the caller wakes the host in the same transaction. */
export function addOperation(tx: EntityManager, actor: Actor | null, wanted: NewOperation): Operation {
  const operation = tx.create(Operation, {
    kind: wanted.kind,
    host: tx.getReference(Host, wanted.hostId),
    account: actor ? tx.getReference(Account, actor.accountId) : null,
    database: wanted.database ?? null,
    revision: wanted.database?.revision ?? null,
    credentialId: actor?.credentialId ?? null,
    input: wanted.input ?? null,
    undo: wanted.undo ?? null,
    ...{ state: 'queued', attempts: 0 },
  })
  for (const [position, name] of OPERATION_STEPS[wanted.kind].entries()) {
    tx.create(OperationStep, { operation, position, name, state: 'waiting', attempts: 0 })
  }
  return operation
}

/** Notes who did what; never with a secret among the details. @param actor null for the operator's own tools */
export function addAuditEvent(
  tx: EntityManager,
  actor: Actor | null,
  action: string,
  resource: string,
  details: Record<string, unknown> = {},
): void {
  tx.create(AuditEvent, {
    ...{ action, resource, details },
    account: actor ? tx.getReference(Account, actor.accountId) : null,
    actor: actor?.credentialId ?? 'platform',
    sourceAddress: actor?.sourceAddress ?? null,
    requestId: actor?.requestId ?? null,
  })
}

/** Operations of a database that are not at their end. */
export function openOperations(tx: EntityManager, databaseId: string): Promise<Operation[]> {
  return tx.find(
    Operation,
    { database: databaseId, state: { $in: ['queued', 'running'] } },
    { orderBy: { id: 'asc' } },
  )
}
