import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { authenticate } from './middleware/authenticate.ts'
import { jsonOnly, onlyHost, securityHeaders } from './middleware/guards.ts'
import { problems } from './middleware/problems.ts'
import { FailureBudget, rateLimit } from './middleware/rate-limit.ts'
import { requestId } from './middleware/request-id.ts'
import { mountAllowlists } from './routes/allowlists.ts'
import { mountHostChanges } from './routes/change-hosts.ts'
import { mountDatabases } from './routes/databases.ts'
import { mountHealth } from './routes/health.ts'
import { mountHostExtras } from './routes/host-extras.ts'
import { mountHosts } from './routes/hosts.ts'
import { mountOperations } from './routes/operations.ts'
import { mountProjects } from './routes/projects.ts'
import type { RouteContext } from './routes/route.ts'

const BODY_LIMIT = '64kb'

/** One address for each thing: its case counts, and no slash ends it. */
const EXACT = { strict: true, sensitive: true }

/** The HTTP interface: every middleware in its order, every router. */
export function createApp(context: RouteContext): Koa {
  const root = new Router(EXACT)
  mountHealth(root, context)
  const api = new Router({ ...EXACT, prefix: '/api/v1' })
  mountDatabases(api, context)
  mountAllowlists(api, context)
  mountProjects(api, context)
  mountOperations(api, context)
  mountHosts(api, context)
  mountHostChanges(api, context)
  mountHostExtras(api, context)

  const app = new Koa()
  app.silent = true
  app.use(requestId)
  app.use(problems(context.log))
  app.use(securityHeaders)
  app.use(onlyHost(context.publicOrigin))
  app.use(root.routes())
  app.use(authenticate(context.em, new FailureBudget()))
  app.use(rateLimit())
  app.use(jsonOnly)
  app.use(bodyParser({ enableTypes: ['json'], jsonLimit: BODY_LIMIT, encoding: 'utf-8' }))
  app.use(api.routes())
  // It sees what either router matched; the problem is written by `problems`.
  app.use(api.allowedMethods())
  return app
}
