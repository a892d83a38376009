import type Router from '@koa/router'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Context } from 'koa'
import type { z } from 'zod'
import { AppError, type FieldProblem } from '../../common/errors.ts'
import type { Logger } from '../../common/log.ts'
import { authenticate } from '../middleware/authenticate.ts'
import type { FailureBudget } from '../middleware/rate-limit.ts'
import { type Action, authorize } from '../policies.ts'
import type { Actor, ServiceContext } from '../services/context.ts'
import type { OperationWaiter } from '../services/operation-waiter.ts'

export interface RouteContext extends ServiceContext {
  waiter: OperationWaiter
  publicOrigin: string
  failures: FailureBudget
  log: Logger
}

export interface Call<Body, Query> {
  ctx: Context
  actor: Actor
  /** For reading; each request has its own. */
  em: EntityManager
  params: Record<string, string>
  body: Body
  query: Query
}

/** One row of the table of routes. */
export interface Route<Body extends z.ZodType, Query extends z.ZodType> {
  method: 'get' | 'post' | 'put' | 'delete'
  path: string
  allow: Action
  body?: Body
  query?: Query
  handle: (call: Call<z.output<Body>, z.output<Query>>) => Promise<void>
}

/** Mounts a route: authenticate, authorise, validate, then its handler. */
export function mount<Body extends z.ZodType, Query extends z.ZodType>(
  router: Router,
  context: RouteContext,
  route: Route<Body, Query>,
): void {
  router[route.method](route.path, async (ctx) => {
    const em = context.em.fork()
    const actor = await authenticate(ctx, em, context.failures)
    authorize(actor, route.allow)
    const query = validate(route.query, { ...ctx.query }, '') as z.output<Query>
    const sent = (ctx.request as { body?: unknown }).body ?? {}
    const body = validate(route.body, sent, '/') as z.output<Body>
    await route.handle({ ctx, actor, em, params: ctx.params as Record<string, string>, body, query })
  })
}

function validate(schema: z.ZodType | undefined, value: unknown, root: string): unknown {
  if (!schema) return undefined
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const fields = result.error.issues.flatMap((issue): FieldProblem[] => {
    const field = root + issue.path.map(String).join('/')
    if (issue.code !== 'unrecognized_keys') return [{ field, message: issue.message }]
    const below = field === root ? root : `${field}/`
    return issue.keys.map((key) => ({ field: below + key, message: 'is not a field of this request' }))
  })
  const first = fields[0]
  const detail = first ? `${first.field}: ${first.message}.` : 'The request is not valid.'
  throw new AppError('VALIDATION_ERROR', detail, { fields })
}
