import type { Action } from './actions.ts'
import { ApiError } from './errors.ts'
import { nothing } from './fields.ts'
import { type Filters, listing } from './paging.ts'
import { type Reply, type Route, route } from './router.ts'
import type { World } from './world.ts'

const FILTERS: Filters<Action> = {
  id: (action, value) => action.id === Number(value),
  status: (action, value) => action.status === value,
}
const SORTS = ['command', 'status', 'started', 'finished']

/** Actions of all kinds, of one kind, and of one resource. */
export function actionRoutes({ actions, store }: World): Route[] {
  const list = (query: URLSearchParams, rows: Action[]): Reply =>
    listing(query, { key: 'actions', rows, view: (row) => actions.view(row), filters: FILTERS, sorts: SORTS })
  const one = (rows: Action[], id: number): Reply => {
    const action = rows.find((row) => row.id === id)
    if (!action) throw new ApiError('not_found', `action with ID '${id}' not found`)
    return { status: 200, body: { action: actions.view(action) } }
  }
  const ofKind = (type: string, id?: number): Action[] =>
    actions
      .all()
      .filter(({ resources }) =>
        resources.some((resource) => resource.type === type && (id === undefined || resource.id === id)),
      )
  const kinds = {
    servers: store.servers,
    primary_ips: store.primaryIps,
    volumes: store.volumes,
    firewalls: store.firewalls,
    zones: store.zones,
  }
  return [
    route('GET', '/actions', nothing, ({ query }) => {
      if (query.has('id')) return list(query, actions.all())
      throw new ApiError('deprecated_api_endpoint', 'actions are listed by id only')
    }),
    route('GET', '/actions/:action', nothing, ({ part }) => one(actions.all(), Number(part('action')))),
    ...Object.entries(kinds).flatMap(([many, { noun }]) => [
      route('GET', `/${many}/actions`, nothing, ({ query }) => list(query, ofKind(noun))),
      route('GET', `/${many}/actions/:action`, nothing, ({ part }) =>
        one(ofKind(noun), Number(part('action'))),
      ),
      route('GET', `/${many}/:id/actions`, nothing, ({ id, query }) => list(query, ofKind(noun, id))),
      route('GET', `/${many}/:id/actions/:action`, nothing, ({ id, part }) =>
        one(ofKind(noun, id), Number(part('action'))),
      ),
    ]),
  ]
}
