import { z } from 'zod'
import type { Action } from './actions.ts'
import type { Location } from './catalog.ts'
import { locationOf } from './catalog.ts'
import { changing, protecting, reading, refuseProtected } from './collection.ts'
import { ApiError, invalid } from './errors.ts'
import { labels, name, nothing, id as numericId, pointer, renaming } from './fields.ts'
import type { Labels } from './labels.ts'
import type { PrimaryIpRecord, ServerRecord } from './records.ts'
import { changePointer, defaultPointers, pointersView } from './reverse-dns.ts'
import { type Route, route } from './router.ts'
import { resourceOf, started, type World } from './world.ts'

const creating = z.strictObject({
  name,
  type: z.enum(['ipv4', 'ipv6']),
  assignee_type: z.literal('server').optional(),
  assignee_id: numericId.optional(),
  auto_delete: z.boolean().optional(),
  location: z.string().optional(),
  labels: labels.optional(),
})
const updating = renaming.extend({ auto_delete: z.boolean().optional() })
const assigning = z.strictObject({ assignee_id: numericId, assignee_type: z.literal('server') })

interface Wanted {
  name: string
  labels?: Labels | undefined
  type: 'ipv4' | 'ipv6'
  location: Location
  autoDelete: boolean
}

/** Adds one with a new address. @param owner by what the address is chosen, where it is made for a server */
export function allocate(
  { store, addresses }: World,
  { type, location, autoDelete, ...wanted }: Wanted,
  owner: { name: string; labels?: Labels | undefined } = wanted,
): PrimaryIpRecord {
  const ip = addresses({ kind: type, name: owner.name, labels: owner.labels ?? {} })
  if (ip.endsWith('/64') !== (type === 'ipv6')) throw new Error(`'${ip}' is nothing for an ${type}`)
  return store.primaryIps.add({
    ...store.named(wanted),
    type,
    ip,
    location,
    autoDelete,
    pointers: defaultPointers(type, ip),
    assignee: null,
    protection: { delete: false },
  })
}

export const primaryIpsOf = ({ store }: World, server: { id: number }): PrimaryIpRecord[] =>
  store.primaryIps.all().filter(({ assignee }) => assignee === server.id)

function refuseAssigning(world: World, type: PrimaryIpRecord['type'], server: ServerRecord): void {
  world.actions.refuseLocked(resourceOf(world.store.servers, server))
  if (server.status !== 'off') throw new ApiError('server_not_stopped', `${server.name} is not off`)
  if (primaryIpsOf(world, server).some((one) => one.type === type)) {
    throw new ApiError(type === 'ipv4' ? 'server_has_ipv4' : 'server_has_ipv6', `${server.name} has one`)
  }
}

function reassign(world: World, row: PrimaryIpRecord, server: number, to: number | null): Action {
  const { actions, store } = world
  const resources = [resourceOf(store.primaryIps, row), resourceOf(store.servers, { id: server })]
  const command = to === null ? 'unassign_primary_ip' : 'assign_primary_ip'
  const work = (): void => {
    row.assignee = to
  }
  return actions.run({ command, resources, locks: resources, work })
}

const view = (row: PrimaryIpRecord): object => ({
  id: row.id,
  name: row.name,
  labels: row.labels,
  created: row.created,
  type: row.type,
  ip: row.ip,
  blocked: false,
  location: row.location,
  dns_ptr: pointersView(row),
  assignee_id: row.assignee,
  assignee_type: row.assignee === null ? 'unassigned' : 'server',
  auto_delete: row.autoDelete,
  protection: row.protection,
})

export function primaryIpRoutes(world: World): Route[] {
  const { store, actions } = world
  const table = store.primaryIps
  const filters = { ip: (row: PrimaryIpRecord, value: string) => row.ip.replace('/64', '') === value }
  const ips = { table, many: 'primary_ips', view, filters }
  const update = changing(ips, updating, (row, body) => {
    row.autoDelete = body.auto_delete ?? row.autoDelete
  })
  return [
    ...reading(ips),
    update,
    protecting(world, ips, (row) => {
      if (row.autoDelete) throw invalid('delete', 'cannot protect what is deleted with its server')
    }),
    route('POST', '/primary_ips', creating, ({ body }) => {
      const { assignee_id, assignee_type, location } = body
      table.refuseTaken(body.name)
      if ((assignee_id === undefined) === (location === undefined)) {
        throw invalid('location', 'is needed exactly where no assignee is given')
      }
      if (assignee_id !== undefined && assignee_type === undefined)
        throw invalid('assignee_type', 'is needed')
      const server = assignee_id === undefined ? undefined : store.servers.need(assignee_id)
      if (server) refuseAssigning(world, body.type, server)
      const place = server?.location ?? locationOf(location ?? '')
      const row = allocate(world, { ...body, location: place, autoDelete: body.auto_delete ?? false })
      const action = server && reassign(world, row, server.id, server.id)
      return { status: 201, body: { primary_ip: view(row), action: action ? actions.view(action) : null } }
    }),
    route('DELETE', '/primary_ips/:id', nothing, ({ id }) => {
      const row = table.need(id)
      refuseProtected(row)
      if (row.assignee !== null) throw new ApiError('must_be_unassigned', `${row.name} is assigned`)
      actions.refuseLocked(resourceOf(table, row))
      table.delete(id)
      return { status: 204 }
    }),
    route('POST', '/primary_ips/:id/actions/assign', assigning, ({ id, body }) => {
      const row = table.need(id)
      const server = store.servers.need(body.assignee_id)
      actions.refuseLocked(resourceOf(table, row))
      if (row.assignee !== null) throw new ApiError('primary_ip_already_assigned', `${row.name} is assigned`)
      if (row.location !== server.location) {
        throw new ApiError('primary_ip_datacenter_mismatch', `${row.name} is at ${row.location.name}`)
      }
      refuseAssigning(world, row.type, server)
      return started(world, reassign(world, row, server.id, server.id))
    }),
    route('POST', '/primary_ips/:id/actions/unassign', nothing, ({ id }) => {
      const row = table.need(id)
      if (row.assignee === null) throw new ApiError('service_error', `${row.name} is not assigned`)
      const server = store.servers.need(row.assignee)
      actions.refuseLocked(resourceOf(table, row), resourceOf(store.servers, server))
      if (server.status !== 'off') throw new ApiError('server_not_stopped', `${server.name} is not off`)
      return started(world, reassign(world, row, server.id, null))
    }),
    route('POST', '/primary_ips/:id/actions/change_dns_ptr', pointer, ({ id, body }) =>
      started(world, changePointer(world, [table.need(id)], body)),
    ),
  ]
}
