import type { EntityManager } from '@mikro-orm/postgresql'
import type { Context, Middleware } from 'koa'
import { AppError } from '../../common/errors.ts'
import { authorizeKey } from '../policies.ts'
import { findApiKey } from '../services/accounts.ts'
import type { Actor } from '../services/context.ts'
import type { FailureBudget } from './rate-limit.ts'

const refuse = (ctx: Context): AppError => {
  ctx.set('WWW-Authenticate', 'Bearer realm="dbhost"')
  return new AppError('UNAUTHORIZED', 'Send a valid API key as "Authorization: Bearer dbh_…".')
}

/** Behind a proxy the socket's address is the proxy's, and what the headers say is not proved. */
const sourceAddress = (ctx: Context): string | null =>
  ctx.get('X-Forwarded-For') || ctx.get('Forwarded') ? null : (ctx.req.socket.remoteAddress ?? null)

/**
 * Finds out who sends a request. One without a key goes on as nobody's; one with a key that is not good is refused,
 * and after too many of them from one address it is refused as RATE_LIMITED.
 */
export function authenticate(em: EntityManager, failures: FailureBudget): Middleware {
  return async (ctx, next) => {
    const header = ctx.get('Authorization')
    if (header !== '') {
      const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(header)
      const key = match?.[1] ? await findApiKey(em.fork(), match[1]) : null
      if (!key) {
        failures.spend(ctx)
        throw refuse(ctx)
      }
      authorizeKey(key)
      const actor: Actor = {
        credentialId: key.id,
        accountId: key.account.id,
        operator: key.operator,
        sourceAddress: sourceAddress(ctx),
        requestId: ctx.state.requestId,
      }
      ctx.state.actor = actor
    }
    await next()
  }
}

/** Who sends this request. @throws UNAUTHORIZED where it came without a key */
export function requireActor(ctx: Context): Actor {
  const actor: Actor | undefined = ctx.state.actor
  if (!actor) throw refuse(ctx)
  return actor
}
