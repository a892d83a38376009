import type Router from '@koa/router'
import { Host } from '../model/host.ts'
import { maySeeHostAccess } from '../policies.ts'
import { page } from '../schemas/fields.ts'
import { presentHost } from '../schemas/hosts.ts'
import { findHost, findHostCa, hostsOf } from '../services/find-host.ts'
import { olderThan, pageOf } from './cursor.ts'
import { mount, type RouteContext } from './route.ts'

export function mountHosts(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/hosts', allow: 'see-hosts', query: page },
    handle: async ({ ctx, actor, em, query }) => {
      const rows = await em.find(
        Host,
        { $and: [await hostsOf(em, actor), olderThan(query.cursor)] },
        { orderBy: { id: 'desc' }, limit: query.limit + 1 },
      )
      const present = (host: Host) => presentHost(host, maySeeHostAccess(actor), context.publicOrigin)
      ctx.body = pageOf(rows, query.limit, present)
    },
  })

  mount(router, context, {
    ...{ method: 'get', path: '/hosts/:id', allow: 'see-hosts' },
    handle: async ({ ctx, actor, em, params }) => {
      const host = await findHost(em, actor, params.id ?? '')
      ctx.body = presentHost(host, maySeeHostAccess(actor), context.publicOrigin)
    },
  })

  // Whoever was given a connection string must be able to get the certificate that it needs.
  router.get('/hosts/:id/ca.pem', async (ctx) => {
    ctx.body = await findHostCa(context.em.fork(), ctx.params.id ?? '')
    ctx.type = 'application/x-pem-file'
    ctx.set('Cache-Control', 'public, max-age=300')
  })
}
