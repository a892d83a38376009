import { z } from 'zod'
import { isId } from '../../common/ids.ts'
import type { Operation } from '../model/operation.ts'
import type { OperationStep } from '../model/operation-step.ts'
import { page } from './fields.ts'

export const operationsQuery = page.extend({
  state: z.enum(['queued', 'running', 'succeeded', 'failed']).optional(),
  database: z
    .string()
    .refine((text) => isId('db', text), 'must be the id of a database')
    .optional(),
})

const time = (date: Date | null | undefined): string | null => date?.toISOString() ?? null

export function presentOperation(operation: Operation) {
  return {
    id: operation.id,
    kind: operation.kind,
    state: operation.state,
    databaseId: operation.database?.id ?? null,
    hostId: operation.host.id,
    error: operation.error ?? null,
    result: operation.result ?? null,
    attempts: operation.attempts,
    createdAt: operation.createdAt.toISOString(),
    startedAt: time(operation.startedAt),
    finishedAt: time(operation.finishedAt),
  }
}

export const presentStep = (step: OperationStep) => ({
  name: step.name,
  state: step.state,
  attempts: step.attempts,
  detail: step.detail ?? null,
  startedAt: time(step.startedAt),
  finishedAt: time(step.finishedAt),
})
