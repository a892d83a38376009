import type { EntityManager } from '@mikro-orm/postgresql'
import type { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import { OPERATION_STEPS, type OperationKind } from './kinds.ts'

/** Writes an operation that the platform itself wants; the sweep wakes whoever carries it out. */
export function addOwnOperation(
  tx: EntityManager,
  host: Host,
  kind: OperationKind,
  input: Record<string, unknown> | null = null,
): Operation {
  const operation = tx.create(Operation, { kind, host, input, state: 'queued', attempts: 0 })
  for (const [position, name] of OPERATION_STEPS[kind].entries()) {
    tx.create(OperationStep, { operation, position, name, state: 'waiting', attempts: 0 })
  }
  return operation
}
