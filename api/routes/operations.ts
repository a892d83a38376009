import type Router from '@koa/router'
import { AppError } from '../../common/errors.ts'
import { isId } from '../../common/ids.ts'
import { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import { visibleOperations } from '../policies.ts'
import { operationsQuery, presentOperation, presentStep } from '../schemas/operations.ts'
import { olderThan, pageOf } from './cursor.ts'
import { mount, type RouteContext } from './route.ts'

const notFound = (): AppError => new AppError('OPERATION_NOT_FOUND', 'There is no such operation.')

export function mountOperations(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/operations', allow: 'use-account', query: operationsQuery },
    handle: async ({ ctx, actor, em, query }) => {
      const { state, database, limit } = query
      const asked = { ...(state ? { state } : {}), ...(database ? { database } : {}) }
      const rows = await em.find(
        Operation,
        { $and: [visibleOperations(actor), asked, olderThan(query.cursor)] },
        { orderBy: { id: 'desc' }, limit: limit + 1 },
      )
      ctx.body = pageOf(rows, limit, presentOperation)
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/operations/:id', allow: 'use-account' },
    handle: async ({ ctx, actor, em, params }) => {
      const id = params.id ?? ''
      if (!isId('op', id)) throw notFound()
      const operation = await em.findOne(Operation, { $and: [{ id }, visibleOperations(actor)] })
      if (!operation) throw notFound()
      const steps = await em.find(OperationStep, { operation: id }, { orderBy: { position: 'asc' } })
      ctx.body = { ...presentOperation(operation), steps: steps.map(presentStep) }
    },
  })
}
