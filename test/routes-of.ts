import type Router from '@koa/router'
import type Koa from 'koa'

/** Every route that an application has, as `GET /path/:id`. */
export function routesOf(app: Koa): string[] {
  return app.middleware.flatMap((middleware) => {
    const { router } = middleware as { router?: Router }
    return (router?.stack ?? []).flatMap(({ methods, path }) =>
      methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
    )
  })
}
