import type Router from '@koa/router'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { maySeeHostAccess } from '../policies.ts'
import { page } from '../schemas/fields.ts'
import { documentQuery, presentHost } from '../schemas/hosts.ts'
import { findHost, findHostCa, findHostOfStack, hostsOf } from '../services/find-host.ts'
import { documentOf, noteRunByHand } from '../services/stacks.ts'
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

  mount(router, context, {
    ...{ method: 'get', path: '/hosts/:id/document', allow: 'manage-hosts', query: documentQuery },
    handle: async ({ ctx, actor, em, params, query }) => {
      const host = await findHostOfStack(em, params.id ?? '')
      const document = await documentOf(em, host)
      if (!document) {
        throw new AppError('NOT_READY', `The machine of ${host.name} has not booted yet: repeat this later.`)
      }
      if (query.by) await noteRunByHand(context, actor, host, query.by)
      ctx.body = document
    },
  })

  // Whoever was given a connection string must be able to get the certificate that it needs.
  router.get('/hosts/:id/ca.pem', async (ctx) => {
    ctx.body = await findHostCa(context.em.fork(), ctx.params.id ?? '')
    ctx.type = 'application/x-pem-file'
    ctx.set('Cache-Control', 'public, max-age=300')
  })
}
