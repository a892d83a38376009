import type Router from '@koa/router'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Logger } from '../../common/log.ts'
import { requireActor } from '../middleware/authenticate.ts'
import { type Action, authorize } from '../policies.ts'
import type { Actor, ServiceContext } from '../services/context.ts'
import type { OperationWaiter } from '../services/operation-waiter.ts'
import { checkBody, checkQuery } from './validate.ts'

export interface RouteContext extends ServiceContext {
  waiter: OperationWaiter
  publicOrigin: string
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
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  path: string
  allow: Action
  body?: Body
  query?: Query
  handle: (call: Call<z.output<Body>, z.output<Query>>) => Promise<void>
}

const NOTHING = z.strictObject({})

/** Mounts a route: only with a key, authorise, validate, then its handler. */
export function mount<Body extends z.ZodType, Query extends z.ZodType>(
  router: Router,
  context: RouteContext,
  route: Route<Body, Query>,
): void {
  router[route.method](route.path, async (ctx) => {
    const em = context.em.fork()
    const actor = requireActor(ctx)
    authorize(actor, route.allow)
    const query = checkQuery(route.query ?? NOTHING, ctx.query) as z.output<Query>
    const sent = (ctx.request as { body?: unknown }).body ?? {}
    const body = (route.body ? checkBody(route.body, sent) : undefined) as z.output<Body>
    await route.handle({ ctx, actor, em, params: ctx.params as Record<string, string>, body, query })
  })
}
