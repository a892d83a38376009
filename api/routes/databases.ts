import type Router from '@koa/router'
import { AppError } from '../../common/errors.ts'
import { open } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import { Database } from '../model/database.ts'
import { Operation } from '../model/operation.ts'
import {
  allowlistBody,
  createDatabaseBody,
  emptyBody,
  presentAccess,
  presentDatabase,
  presentRules,
} from '../schemas/databases.ts'
import { page } from '../schemas/fields.ts'
import { presentOperation } from '../schemas/operations.ts'
import { deleteDatabase, resetPassword, setAllowlist } from '../services/change-database.ts'
import type { Actor } from '../services/context.ts'
import { createDatabase } from '../services/create-database.ts'
import { findDatabase } from '../services/find-database.ts'
import { pageOf, readCursor } from './cursor.ts'
import { idempotent } from './idempotent.ts'
import { mount, type RouteContext } from './route.ts'
import { answerWhenEnded } from './waiting.ts'

const ALLOW = 'use-account'

/** Databases and what is done with one of them. */
export function mountDatabases(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/databases', allow: ALLOW, query: page },
    handle: async ({ ctx, actor, em, query }) => {
      const after = readCursor(query.cursor)
      const rows = await em.find(
        Database,
        { project: { account: actor.accountId }, deletedAt: null, ...(after ? { id: { $lt: after } } : {}) },
        {
          orderBy: { id: 'desc' },
          limit: query.limit + 1,
          populate: ['project', 'instance', 'instance.host'],
        },
      )
      ctx.body = pageOf(rows, query.limit, presentDatabase)
    },
  })

  mount(router, context, {
    ...{ method: 'post', path: '/databases', allow: ALLOW, body: createDatabaseBody },
    handle: async (call) => {
      const { ctx, actor, body } = call
      const { operation, password } = await idempotent(
        context,
        call,
        (claim) => createDatabase(context, actor, body, claim),
        (id) => replay(context, id),
      )
      const answer = async (now: Operation): Promise<void> => {
        const shown = await showWithAllowlist(context, actor, now)
        ctx.body = { ...shown.body, ...presentAccess(shown.database, password, context.publicOrigin) }
      }
      await answerWhenEnded(context, ctx, operation, {
        done: async (now) => {
          await answer(now)
          ctx.status = 201
        },
        pending: answer,
      })
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/databases/:id', allow: ALLOW },
    handle: async ({ ctx, actor, em, params }) => {
      ctx.body = presentDatabase(await findDatabase(em, actor, params.id ?? ''))
    },
  })

  mount(router, context, {
    ...{ method: 'delete', path: '/databases/:id', allow: ALLOW },
    handle: async ({ ctx, actor, params }) => {
      const operation = await deleteDatabase(context, actor, params.id ?? '')
      await answerWhenEnded(context, ctx, operation, {
        done: async () => {
          ctx.status = 204
        },
        pending: async (now) => {
          ctx.body = { operation: presentOperation(now) }
        },
      })
    },
  })

  mount(router, context, {
    ...{ method: 'post', path: '/databases/:id/reset-password', allow: ALLOW, body: emptyBody },
    handle: async (call) => {
      const { ctx, actor, params } = call
      const { operation, password } = await idempotent(
        context,
        call,
        (claim) => resetPassword(context, actor, params.id ?? '', claim),
        (id) => replay(context, id),
      )
      const answer = async (now: Operation): Promise<void> => {
        const { database, body } = await showWithAllowlist(context, actor, now)
        ctx.body = { ...body, ...presentAccess(database, password, context.publicOrigin) }
      }
      await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/databases/:id/allowlist', allow: ALLOW },
    handle: async ({ ctx, actor, em, params }) => {
      const database = await findDatabase(em, actor, params.id ?? '')
      ctx.body = { rules: await rulesOf(context, database), allowWide: database.allowWide }
    },
  })

  mount(router, context, {
    ...{ method: 'put', path: '/databases/:id/allowlist', allow: ALLOW, body: allowlistBody },
    handle: async ({ ctx, actor, em, params, body }) => {
      const operation = await setAllowlist(context, actor, params.id ?? '', body)
      const answer = async (now: Operation): Promise<void> => {
        const database = await findDatabase(em.fork(), actor, params.id ?? '')
        const rules = await rulesOf(context, database)
        ctx.body = { rules, allowWide: database.allowWide, operation: presentOperation(now) }
      }
      await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
    },
  })
}

async function rulesOf({ em }: RouteContext, database: Database) {
  const where = { database: database.id }
  return presentRules(await em.fork().find(AllowlistRule, where, { orderBy: { position: 'asc' } }))
}

async function showWithAllowlist(context: RouteContext, actor: Actor, operation: Operation) {
  const database = await findDatabase(context.em.fork(), actor, operation.database?.id ?? '')
  const allowlist = await rulesOf(context, database)
  return {
    database,
    body: { ...presentDatabase(database), allowlist, operation: presentOperation(operation) },
  }
}

/** The outcome of an earlier request from its operation; the password is still sealed there for 24 hours. */
async function replay(
  { em, keyRing }: RouteContext,
  id: string,
): Promise<{ operation: Operation; password: Secret }> {
  const operation = await em.fork().findOne(Operation, { id })
  if (!operation?.sealedSecret) {
    throw new AppError(
      'IDEMPOTENCY_CONFLICT',
      'The answer of the first request is not kept any more. Send a new key.',
    )
  }
  return { operation, password: open(keyRing, operation.sealedSecret, `operation:${id}:secret`) }
}
