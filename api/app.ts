import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { AppError } from '../common/errors.ts'
import { jsonOnly, onlyHost, securityHeaders } from './middleware/guards.ts'
import { problems } from './middleware/problems.ts'
import { FailureBudget, rateLimit } from './middleware/rate-limit.ts'
import { requestId } from './middleware/request-id.ts'
import { mountDatabases } from './routes/databases.ts'
import { mountHealth } from './routes/health.ts'
import { mountHosts } from './routes/hosts.ts'
import { mountOperations } from './routes/operations.ts'
import { mountProjects } from './routes/projects.ts'
import type { RouteContext } from './routes/route.ts'

const BODY_LIMIT = '64kb'

/** The HTTP interface: every middleware in its order, every router. */
export function createApp(given: Omit<RouteContext, 'failures'>): Koa {
  const context: RouteContext = { ...given, failures: new FailureBudget() }
  const root = new Router()
  mountHealth(root, context)
  const api = new Router({ prefix: '/api/v1' })
  mountDatabases(api, context)
  mountProjects(api, context)
  mountOperations(api, context)
  mountHosts(api, context)

  const app = new Koa()
  app.silent = true
  app.use(requestId)
  app.use(problems(context.log))
  app.use(securityHeaders)
  app.use(onlyHost(context.publicOrigin))
  app.use(root.routes())
  app.use(rateLimit())
  app.use(jsonOnly)
  app.use(bodyParser({ enableTypes: ['json'], jsonLimit: BODY_LIMIT, encoding: 'utf-8' }))
  app.use(api.routes())
  for (const router of [root, api]) {
    app.use(
      router.allowedMethods({
        throw: true,
        methodNotAllowed: () => new AppError('METHOD_NOT_ALLOWED', 'This address does not know that method.'),
        notImplemented: () => new AppError('METHOD_NOT_ALLOWED', 'This API does not know that method.'),
      }),
    )
  }
  return app
}
