import type Router from '@koa/router'
import { Project } from '../model/project.ts'
import { visibleProjects } from '../policies.ts'
import { page } from '../schemas/fields.ts'
import { createProjectBody, presentProject } from '../schemas/projects.ts'
import { createProject } from '../services/accounts.ts'
import { olderThan, pageOf } from './cursor.ts'
import { idempotent } from './idempotent.ts'
import { mount, type RouteContext } from './route.ts'

export function mountProjects(router: Router, context: RouteContext): void {
  mount(router, context, {
    ...{ method: 'get', path: '/projects', allow: 'use-account', query: page },
    handle: async ({ ctx, actor, em, query }) => {
      const rows = await em.find(
        Project,
        { $and: [visibleProjects(actor), olderThan(query.cursor)] },
        { orderBy: { id: 'desc' }, limit: query.limit + 1 },
      )
      ctx.body = pageOf(rows, query.limit, presentProject)
    },
  })

  mount(router, context, {
    ...{ method: 'post', path: '/projects', allow: 'use-account', body: createProjectBody },
    handle: async (call) => {
      const { ctx, actor, body } = call
      const project = await idempotent(
        context,
        call,
        (claim) => createProject(context.em, actor, body.name, claim),
        (id) => context.em.fork().findOneOrFail(Project, { $and: [{ id }, visibleProjects(actor)] }),
      )
      ctx.status = 201
      ctx.body = presentProject(project)
    },
  })
}
