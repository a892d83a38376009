import { z } from 'zod'
import type { Action } from './actions.ts'
import { locationOf } from './catalog.ts'
import { changing, protecting, reading, refuseProtected } from './collection.ts'
import { ApiError, invalid } from './errors.ts'
import { idOrName, labels, nothing, id as numericId } from './fields.ts'
import type { ServerRecord, VolumeRecord } from './records.ts'
import { type Route, route } from './router.ts'
import { deviceOf, volumeOf } from './server-volume.ts'
import { resourceOf, started, type World } from './world.ts'

const LEAST_GB = 10
const MOST_GB = 10_240

const name = z.string().regex(/^[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,62}[a-zA-Z0-9])?$/)
const size = z.int().min(LEAST_GB).max(MOST_GB)
const creating = z.strictObject({
  name,
  size,
  server: numericId.optional(),
  location: idOrName.optional(),
  labels: labels.optional(),
  automount: z.boolean().optional(),
  format: z.enum(['xfs', 'ext4']).optional(),
})
const updating = z.strictObject({ name: name.optional(), labels: labels.optional() })
const attaching = z.strictObject({ server: numericId, automount: z.boolean().optional() })

const view = (row: VolumeRecord): object => ({
  id: row.id,
  name: row.name,
  labels: row.labels,
  created: row.created,
  status: row.status,
  size: row.size,
  format: row.format,
  location: row.location,
  server: row.server,
  protection: row.protection,
  linux_device: deviceOf(row),
})

/** Throws unless the volume can go to a server at that place. */
export function refuseAttaching(row: VolumeRecord, location: ServerRecord['location']): void {
  if (row.server !== null) throw new ApiError('volume_already_attached', `${row.name} is attached`)
  if (row.location !== location) throw invalid('server', `${row.name} is at ${row.location.name}`)
}

/** Attached when the action ends; until then neither of both takes another. */
function attach(
  { actions, store, machines }: World,
  row: VolumeRecord,
  server: number,
  after?: Action,
): Action {
  const resources = [resourceOf(store.servers, { id: server }), resourceOf(store.volumes, row)]
  const work = async (): Promise<void> => {
    await machines?.volumes?.attach(server, volumeOf(row))
    row.server = server
  }
  return actions.run({
    command: 'attach_volume',
    resources,
    locks: resources,
    work,
    ...(after && { after }),
  })
}

export function volumeRoutes(world: World): Route[] {
  const { store, actions, machines } = world
  const table = store.volumes
  const filters = { status: (row: VolumeRecord, value: string) => row.status === value }
  const volumes = { table, many: 'volumes', view, filters }
  return [
    ...reading(volumes),
    changing(volumes, updating),
    protecting(world, volumes),
    route('POST', '/volumes', creating, ({ body }) => {
      const server = body.server === undefined ? undefined : store.servers.need(body.server)
      const location = body.location === undefined ? server?.location : locationOf(body.location)
      if (!location) throw invalid('location', 'is needed where no server is given')
      if (server && server.location !== location) throw invalid('location', 'is not that of the server')
      if (body.automount && !server) throw invalid('automount', 'needs a server')
      table.refuseTaken(body.name)
      if (server) actions.refuseLocked(resourceOf(store.servers, server))
      const row = table.add({
        ...store.named(body),
        status: 'creating',
        size: body.size,
        format: body.format ?? null,
        location,
        server: null,
        protection: { delete: false },
      })
      const resources = [resourceOf(table, row)]
      const work = async (): Promise<void> => {
        await machines?.volumes?.create(volumeOf(row))
        row.status = 'available'
      }
      const action = actions.run({ command: 'create_volume', resources, locks: resources, work })
      const next = server ? [actions.view(attach(world, row, server.id, action))] : []
      return {
        status: 201,
        body: { volume: view(row), action: actions.view(action), next_actions: next },
      }
    }),
    route('DELETE', '/volumes/:id', nothing, ({ id }) => {
      const row = table.need(id)
      refuseProtected(row)
      actions.refuseLocked(resourceOf(table, row))
      if (row.server !== null) throw new ApiError('resource_in_use', `${row.name} is attached`)
      machines?.volumes?.remove(id)
      table.delete(id)
      return { status: 204 }
    }),
    route('POST', '/volumes/:id/actions/attach', attaching, ({ id, body }) => {
      const row = table.need(id)
      const server = store.servers.need(body.server)
      actions.refuseLocked(resourceOf(table, row), resourceOf(store.servers, server))
      refuseAttaching(row, server.location)
      return started(world, attach(world, row, server.id))
    }),
    route('POST', '/volumes/:id/actions/detach', nothing, ({ id }) => {
      const row = table.need(id)
      if (row.server === null) throw new ApiError('service_error', `${row.name} is not attached`)
      const resources = [resourceOf(store.servers, { id: row.server }), resourceOf(table, row)]
      actions.refuseLocked(...resources)
      const work = async (): Promise<void> => {
        await machines?.volumes?.detach(id)
        row.server = null
      }
      return started(world, actions.run({ command: 'detach_volume', resources, locks: resources, work }))
    }),
    route('POST', '/volumes/:id/actions/resize', z.strictObject({ size }), ({ id, body }) => {
      const row = table.need(id)
      if (body.size <= row.size) throw invalid('size', `must be more than ${row.size}`)
      const resources = [resourceOf(table, row)]
      actions.refuseLocked(...resources)
      const work = async (): Promise<void> => {
        await machines?.volumes?.resize(id, body.size)
        row.size = body.size
      }
      return started(world, actions.run({ command: 'resize_volume', resources, locks: resources, work }))
    }),
  ]
}
