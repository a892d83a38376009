import type { EntityManager } from '@mikro-orm/postgresql'
import type { Context } from 'koa'
import { AppError } from '../../common/errors.ts'
import { authorizeKey } from '../policies.ts'
import { findApiKey } from '../services/accounts.ts'
import type { Actor } from '../services/context.ts'
import type { FailureBudget } from './rate-limit.ts'

/** Who sends this request. @throws UNAUTHORIZED, RATE_LIMITED after too many failures from one address */
export async function authenticate(ctx: Context, em: EntityManager, failures: FailureBudget): Promise<Actor> {
  failures.check(ctx.ip)
  const match = /^Bearer ([\x21-\x7e]{1,200})$/.exec(ctx.get('Authorization'))
  const key = match?.[1] ? await findApiKey(em, match[1]) : null
  if (!key) {
    failures.count(ctx.ip)
    ctx.set('WWW-Authenticate', 'Bearer realm="dbhost"')
    throw new AppError('UNAUTHORIZED', 'Send a valid API key as "Authorization: Bearer dbh_…".')
  }
  authorizeKey(key)
  return {
    credentialId: key.id,
    accountId: key.account.id,
    operator: key.operator,
    sourceAddress: ctx.req.socket.remoteAddress ?? null,
    requestId: ctx.state.requestId,
  }
}
