import { randomUUID } from 'node:crypto'
import type { Middleware } from 'koa'

/** Names each request, with the name a proxy gave it where that is a plain one. */
export const requestId: Middleware = async (ctx, next) => {
  const given = ctx.get('X-Request-Id')
  ctx.state.requestId = /^[A-Za-z0-9_-]{8,64}$/.test(given) ? given : randomUUID()
  ctx.set('X-Request-Id', ctx.state.requestId)
  await next()
}
