import type { Context } from 'koa'
import { AppError } from '../../common/errors.ts'
import { answerProblem } from '../middleware/problems.ts'
import type { Operation } from '../model/operation.ts'
import { presentOperation } from '../schemas/operations.ts'
import type { RouteContext } from './route.ts'

const DEFAULT_SECONDS = 15
const MOST_SECONDS = 60

/** Codes with which an operation ends that are the answer's as well. */
const OWN_CODES = [
  ...(['AUTHORIZATION_REVOKED', 'STORAGE_NOT_FULL', 'STACK_ERROR'] as const),
  ...(['VALIDATION_ERROR', 'CONFIRMATION_REQUIRED'] as const),
]

/** Seconds that the client wants to wait: `Prefer: wait=N`. */
function wantedWait(ctx: Context): number {
  const match = /(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])/i.exec(ctx.get('Prefer'))
  if (!match) return DEFAULT_SECONDS
  const seconds = Math.min(MOST_SECONDS, Number(match[1]))
  ctx.set('Preference-Applied', `wait=${seconds}`)
  return seconds
}

/**
 * Waits for an operation as long as the client wants, then answers: with `done` where it went well, with 202 and
 * `pending` where it goes on, with a problem where it failed.
 */
export async function answerWhenEnded(
  { waiter }: RouteContext,
  ctx: Context,
  operation: Operation,
  answers: { done: (ended: Operation) => Promise<void>; pending: (now: Operation) => Promise<void> },
): Promise<void> {
  const now = await waiter.wait(operation.id, wantedWait(ctx) * 1000)
  if (now.state === 'succeeded') return await answers.done(now)
  if (now.state === 'failed') {
    const code = OWN_CODES.find((own) => own === now.error?.code) ?? 'AGENT_ERROR'
    const fields = now.error?.fields ?? []
    const error = new AppError(code, now.error?.message ?? 'It failed.', { fields })
    return answerProblem(ctx, error, { operation: presentOperation(now) })
  }
  ctx.status = 202
  ctx.set('Location', `/api/v1/operations/${now.id}`)
  await answers.pending(now)
}
