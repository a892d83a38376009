import type Router from '@koa/router'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { page } from '../schemas/fields.ts'
import { presentHost } from '../schemas/hosts.ts'
import { pageOf, readCursor } from './cursor.ts'
import { mount, type RouteContext } from './route.ts'

const notFound = (): AppError => new AppError('HOST_NOT_FOUND', 'There is no such host.')

export function mountHosts(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/hosts', allow: 'see-hosts', query: page },
    handle: async ({ ctx, actor, em, query }) => {
      const after = readCursor(query.cursor)
      const rows = await em.find(
        Host,
        { removedAt: null, ...(after ? { id: { $lt: after } } : {}) },
        { orderBy: { id: 'desc' }, limit: query.limit + 1 },
      )
      ctx.body = pageOf(rows, query.limit, (host) => presentHost(host, actor.operator, context.publicOrigin))
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/hosts/:id', allow: 'see-hosts' },
    handle: async ({ ctx, actor, em, params }) => {
      const host = await em.findOne(Host, { id: params.id ?? '', removedAt: null })
      if (!host) throw notFound()
      ctx.body = presentHost(host, actor.operator, context.publicOrigin)
    },
  })

  // Whoever was given a connection string must be able to get the certificate that it needs.
  router.get('/hosts/:id/ca.pem', async (ctx) => {
    const host = await context.em.fork().findOne(Host, { id: ctx.params.id ?? '', removedAt: null })
    if (!host?.caCertificate) throw notFound()
    ctx.body = host.caCertificate
    ctx.type = 'application/x-pem-file'
    ctx.set('Cache-Control', 'public, max-age=300')
  })
}
