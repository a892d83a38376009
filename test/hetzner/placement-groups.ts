import { z } from 'zod'
import { changing, reading } from './collection.ts'
import { ApiError } from './errors.ts'
import { labels, name, nothing, renaming } from './fields.ts'
import type { Named } from './records.ts'
import { type Route, route } from './router.ts'
import type { Store } from './store.ts'
import type { World } from './world.ts'

const creating = z.strictObject({ name, type: z.literal('spread'), labels: labels.optional() })

/** A spread group puts each server on a host of its own. */
const MOST_SERVERS = 10

const membersOf = (store: Store, group: number): number[] =>
  store.servers.all().flatMap(({ id, placementGroup }) => (placementGroup === group ? [id] : []))

export const placementGroupView = (store: Store, { id, name, labels, created }: Named): object => ({
  id,
  name,
  labels,
  created,
  type: 'spread',
  servers: membersOf(store, id),
})

/** Throws when there is no such group, or no place in it. */
export function refuseFull(store: Store, group: number): void {
  store.placementGroups.need(group)
  if (membersOf(store, group).length < MOST_SERVERS) return
  const message = `placement group ${group} has ${MOST_SERVERS} servers already`
  throw new ApiError('placement_group_member_limit_reached', message)
}

export function placementGroupRoutes({ store }: World): Route[] {
  const table = store.placementGroups
  const view = (row: Named): object => placementGroupView(store, row)
  const groups = {
    table,
    many: 'placement_groups',
    view,
    filters: { type: (_: Named, value: string) => value === 'spread' },
  }
  return [
    ...reading(groups),
    changing(groups, renaming),
    route('POST', '/placement_groups', creating, ({ body }) => {
      table.refuseTaken(body.name)
      const row = table.add(store.named(body))
      return { status: 201, body: { placement_group: view(row), action: null } }
    }),
    route('DELETE', '/placement_groups/:id', nothing, ({ id }) => {
      const row = table.need(id)
      if (membersOf(store, id).length > 0) {
        throw new ApiError('resource_in_use', `placement group ${row.name} has servers`)
      }
      table.delete(id)
      return { status: 204 }
    }),
  ]
}
