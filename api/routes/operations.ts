import type Router from '@koa/router'
import type { FilterQuery } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import { operationsQuery, presentOperation, presentStep } from '../schemas/operations.ts'
import type { Actor } from '../services/context.ts'
import { pageOf, readCursor } from './cursor.ts'
import { mount, type RouteContext } from './route.ts'

/** An account's own; an operator also sees what the platform does on hosts. */
const visibleTo = ({ accountId, operator }: Actor): FilterQuery<Operation> =>
  operator ? { $or: [{ account: accountId }, { account: null }] } : { account: accountId }

export function mountOperations(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/operations', allow: 'use-account', query: operationsQuery },
    handle: async ({ ctx, actor, em, query }) => {
      const after = readCursor(query.cursor)
      const { state, database } = query
      const rows = await em.find(
        Operation,
        {
          $and: [
            visibleTo(actor),
            state ? { state } : {},
            database ? { database } : {},
            after ? { id: { $lt: after } } : {},
          ],
        },
        { orderBy: { id: 'desc' }, limit: query.limit + 1 },
      )
      ctx.body = pageOf(rows, query.limit, presentOperation)
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/operations/:id', allow: 'use-account' },
    handle: async ({ ctx, actor, em, params }) => {
      const operation = await em.findOne(Operation, { $and: [{ id: params.id ?? '' }, visibleTo(actor)] })
      if (!operation) throw new AppError('OPERATION_NOT_FOUND', 'There is no such operation.')
      const steps = await em.find(
        OperationStep,
        { operation: operation.id },
        { orderBy: { position: 'asc' } },
      )
      ctx.body = { ...presentOperation(operation), steps: steps.map(presentStep) }
    },
  })
}
