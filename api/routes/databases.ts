import type Router from '@koa/router'
import { Database } from '../model/database.ts'
import { Operation } from '../model/operation.ts'
import { visibleDatabases } from '../policies.ts'
import {
  cleanupBody,
  createDatabaseBody,
  emptyBody,
  presentCleanup,
  presentDatabase,
} from '../schemas/databases.ts'
import { page } from '../schemas/fields.ts'
import { presentOperation } from '../schemas/operations.ts'
import { deleteDatabase, resetPassword } from '../services/change-database.ts'
import { createDatabase } from '../services/create-database.ts'
import { findDatabase } from '../services/find-database.ts'
import { requestCleanup } from '../services/storage.ts'
import { olderThan, pageOf } from './cursor.ts'
import { idempotent } from './idempotent.ts'
import { mount, type RouteContext } from './route.ts'
import { type NewAccess, replayAccess, showAccess } from './show-database.ts'
import { answerWhenEnded } from './waiting.ts'

const ALLOW = 'use-account'

/** Databases and what is done with one of them. */
export function mountDatabases(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/databases', allow: ALLOW, query: page },
    handle: async ({ ctx, actor, em, query }) => {
      const rows = await em.find(
        Database,
        { $and: [visibleDatabases(actor), olderThan(query.cursor)] },
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
      const { operation, password } = await idempotent<NewAccess>(
        context,
        call,
        (claim) => createDatabase(context, actor, body, claim),
        (id) => replayAccess(context, id),
      )
      const answer = async (now: Operation): Promise<void> => {
        ctx.body = await showAccess(context, actor, now, password)
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
      const { operation, password } = await idempotent<NewAccess>(
        context,
        call,
        (claim) => resetPassword(context, actor, params.id ?? '', claim),
        (id) => replayAccess(context, id),
      )
      const answer = async (now: Operation): Promise<void> => {
        ctx.body = await showAccess(context, actor, now, password)
      }
      await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
    },
  })

  mount(router, context, {
    ...{ method: 'post', path: '/databases/:id/cleanup-login', allow: ALLOW, body: cleanupBody },
    handle: async (call) => {
      const { ctx, actor, em, params, body } = call
      const id = params.id ?? ''
      const operation = await idempotent<Operation>(
        context,
        call,
        (claim) => requestCleanup(context, actor, id, body.minutes, claim),
        (kept) => em.fork().findOneOrFail(Operation, { id: kept }),
      )
      const answer = async (now: Operation): Promise<void> => {
        ctx.body = presentCleanup(await findDatabase(em.fork(), actor, id), now)
      }
      await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
    },
  })
}
