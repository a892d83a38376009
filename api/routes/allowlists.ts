import type Router from '@koa/router'
import type { Operation } from '../model/operation.ts'
import { allowlistBody } from '../schemas/databases.ts'
import { presentOperation } from '../schemas/operations.ts'
import { setAllowlist } from '../services/change-database.ts'
import { findDatabase } from '../services/find-database.ts'
import { mount, type RouteContext } from './route.ts'
import { showRules } from './show-database.ts'
import { answerWhenEnded } from './waiting.ts'

const PATH = '/databases/:id/allowlist'

/** Who may connect to a database. */
export function mountAllowlists(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: PATH, allow: 'use-account' },
    handle: async ({ ctx, actor, em, params }) => {
      const database = await findDatabase(em, actor, params.id ?? '')
      ctx.body = { rules: await showRules(context, database), allowWide: database.allowWide }
    },
  })

  mount(router, context, {
    ...{ method: 'put', path: PATH, allow: 'use-account', body: allowlistBody },
    handle: async ({ ctx, actor, em, params, body }) => {
      const id = params.id ?? ''
      const operation = await setAllowlist(context, actor, id, body)
      const answer = async (now: Operation): Promise<void> => {
        const database = await findDatabase(em.fork(), actor, id)
        const rules = await showRules(context, database)
        ctx.body = { rules, allowWide: database.allowWide, operation: presentOperation(now) }
      }
      await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
    },
  })
}
