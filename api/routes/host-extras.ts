import type Router from '@koa/router'
import { NO_EXTRAS } from '../../hosts/host-spec.ts'
import { extrasBody } from '../schemas/extras.ts'
import { extrasQuery } from '../schemas/host-requests.ts'
import { presentOperation } from '../schemas/operations.ts'
import { checkExtras, setExtras } from '../services/extras.ts'
import { findHostOfStack } from '../services/find-host.ts'
import { mount, type RouteContext } from './route.ts'

const ALLOW = 'manage-hosts'
const PATH = '/hosts/:id/extras'

/** What an engineer adds to a host; its name is taken in the place of its id, since its stack bears that. */
export function mountHostExtras(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: PATH, allow: ALLOW },
    handle: async ({ ctx, em, params }) => {
      const { spec } = await findHostOfStack(em, params.id ?? '')
      ctx.body = spec.extras ?? NO_EXTRAS
    },
  })

  mount(router, context, {
    ...{ method: 'put', path: PATH, allow: ALLOW, body: extrasBody, query: extrasQuery },
    handle: async ({ ctx, actor, em, params, body, query }) => {
      const host = await findHostOfStack(em, params.id ?? '')
      if (query.preview) checkExtras(host.spec, body)
      const operation = query.preview ? null : await setExtras(context, actor, host, body, query.by)
      ctx.body = { ...body, operation: operation && presentOperation(operation) }
    },
  })
}
