import type { EntityManager } from '@mikro-orm/postgresql'
import type { Operation } from '../../model/operation.ts'
import { OperationStep } from '../../model/operation-step.ts'

/** Each attempt does these anew, however often nothing comes of it. */
const PREPARING = ['check', 'engine']

/**
 * When an operation last got on: it was asked for, or a step was done that is not done again.
 * @returns milliseconds since 1970
 */
export async function lastProgress(em: EntityManager, { id, createdAt }: Operation): Promise<number> {
  const done = {
    ...{ operation: id, finishedAt: { $ne: null }, state: 'done' as const },
    name: { $nin: PREPARING },
  }
  const [last] = await em.fork().find(OperationStep, done, { orderBy: { finishedAt: 'desc' }, limit: 1 })
  return Math.max(createdAt.getTime(), last?.finishedAt?.getTime() ?? 0)
}
