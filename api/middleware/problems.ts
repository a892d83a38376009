import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import { AppError, type ErrorCode } from '../../common/errors.ts'
import type { Logger } from '../../common/log.ts'
import { isOutage } from './outage.ts'

/** Errors of the body parser and of Koa, by status. */
const BY_STATUS: Record<number, [ErrorCode, string]> = {
  400: ['INVALID_REQUEST', 'The body cannot be read: send valid JSON without members called "__proto__".'],
  413: ['PAYLOAD_TOO_LARGE', 'The body is larger than 64 KiB.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8, not compressed.'],
}

function translate(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (isOutage(error))
    return new AppError('NOT_READY', 'The database of this service does not answer.', { cause: error })
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 500
  const [code, message] = BY_STATUS[status] ?? []
  if (code && message) return new AppError(code, message, { cause: error })
  const hidden = 'Something went wrong here. Repeat the request; if it fails again, report the requestId.'
  return new AppError('INTERNAL_ERROR', hidden, { cause: error })
}

/** An RFC 9457 problem. */
export function problemOf(error: AppError, requestId: string) {
  return {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message,
    requestId,
    retryable: error.retryable,
    errors: error.fields,
  }
}

/** Seconds after which a client may come back, where nobody knows better. */
const RETRY_AFTER: Partial<Record<ErrorCode, number>> = { RATE_LIMITED: 60, NOT_READY: 5 }

/** Answers with a problem. @param extra more members, such as the operation that failed */
export function answerProblem(ctx: Context, error: AppError, extra: Record<string, unknown> = {}): void {
  ctx.status = error.status
  ctx.body = { ...problemOf(error, ctx.state.requestId), ...extra }
  ctx.type = 'application/problem+json'
  const seconds = RETRY_AFTER[error.code]
  if (seconds && !ctx.response.get('Retry-After')) ctx.set('Retry-After', String(seconds))
}

/** Turns whatever goes wrong into a problem; what was not meant for readers stays in the log. */
export const problems =
  (log: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next()
      const allowed = ctx.response.get('Allow')
      const refused = [405, 501].includes(ctx.status)
      // The router answers 501 for a method that no address knows, also where there is no address.
      if ((ctx.status === 404 && ctx.body == null) || (refused && !allowed)) {
        ctx.remove('Allow')
        throw new AppError('NOT_FOUND', `There is nothing at ${ctx.method} ${ctx.path}.`)
      }
      if (refused) {
        throw new AppError(
          'METHOD_NOT_ALLOWED',
          `This address does not know ${ctx.method}, only: ${allowed}.`,
        )
      }
    } catch (error) {
      const problem = translate(error)
      if (problem.status >= 500) {
        log.error(
          { err: error, requestId: ctx.state.requestId, method: ctx.method, path: ctx.path },
          'request failed',
        )
      }
      answerProblem(ctx, problem)
    }
  }
