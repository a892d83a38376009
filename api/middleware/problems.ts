import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import { AppError, ERROR_CODES, type ErrorCode } from '../../common/errors.ts'
import type { Logger } from '../../common/log.ts'

/** Errors of the body parser and of Koa, by status. */
const BY_STATUS: Record<number, [ErrorCode, string]> = {
  400: ['INVALID_REQUEST', 'The body is not valid JSON.'],
  413: ['PAYLOAD_TOO_LARGE', 'The body is larger than 64 KiB.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.'],
}

function translate(error: unknown): AppError {
  if (error instanceof AppError) return error
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 500
  const [code, message] = BY_STATUS[status] ?? []
  if (code && message) return new AppError(code, message, { cause: error })
  const hidden = 'Something went wrong here. Repeat the request; if it fails again, report the requestId.'
  return new AppError('INTERNAL_ERROR', hidden, { cause: error })
}

/** Answers with an RFC 9457 problem. @param extra more members, such as the operation that failed */
export function answerProblem(ctx: Context, error: AppError, extra: Record<string, unknown> = {}): void {
  ctx.status = error.status
  ctx.body = {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message,
    requestId: ctx.state.requestId,
    retryable: ERROR_CODES[error.code].retryable,
    errors: error.fields,
    ...extra,
  }
  ctx.type = 'application/problem+json'
}

/** Turns whatever goes wrong into a problem; what was not meant for readers stays in the log. */
export const problems =
  (log: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body == null) {
        throw new AppError('NOT_FOUND', `There is nothing at ${ctx.method} ${ctx.path}.`)
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
