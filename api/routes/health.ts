import type Router from '@koa/router'
import { AppError } from '../../common/errors.ts'
import type { RouteContext } from './route.ts'

/** At the root, without a key, and saying nothing but yes or no. */
export function mountHealth(router: Router, { em, queue }: RouteContext): void {
  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'ok' }
  })
  router.get('/readyz', async (ctx) => {
    try {
      await em.fork().getConnection().execute('select 1')
      if (!(await queue.boss.isInstalled())) throw new Error('the queue is not installed')
    } catch (error) {
      throw new AppError('NOT_READY', 'The database of the control plane does not answer.', { cause: error })
    }
    ctx.body = { status: 'ok' }
  })
}
