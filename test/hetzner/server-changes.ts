import { z } from 'zod'
import { serverTypeOf } from './catalog.ts'
import { ApiError, invalid } from './errors.ts'
import { idOrName, nothing, id as numericId, pointer } from './fields.ts'
import { refuseFull } from './placement-groups.ts'
import { primaryIpsOf } from './primary-ips.ts'
import type { ServerRecord } from './records.ts'
import { changePointer } from './reverse-dns.ts'
import { type Route, route } from './router.ts'
import { serverAction, unlocked } from './server-action.ts'
import { powerOn } from './server-machine.ts'
import { resourceOf, started, type World } from './world.ts'

const protecting = z.strictObject({ delete: z.boolean().optional(), rebuild: z.boolean().optional() })
const retyping = z.strictObject({ server_type: idOrName, upgrade_disk: z.boolean() })
const grouping = z.strictObject({ placement_group: numericId })
const BACKUP_WINDOW = '22-02'

const refuseRunning = ({ name, status }: ServerRecord): void => {
  if (status !== 'off') throw new ApiError('server_not_stopped', `${name} is not off`)
}

/** What a server is like: its type, protection, group, backups and names. */
export function serverChangeRoutes(world: World): Route[] {
  const { store } = world
  return [
    serverAction(world, 'change_type', 'change_server_type', retyping, (server, body) => {
      const type = serverTypeOf(body.server_type)
      refuseRunning(server)
      const offered = type.locations.some(({ name }) => name === server.location.name)
      const fits = type.architecture === server.type.architecture && type.disk >= server.primaryDiskSize
      if (!offered || !fits || type === server.type) {
        throw new ApiError('invalid_server_type', `${server.name} cannot become a ${type.name}`)
      }
      const work = async (): Promise<void> => {
        server.type = type
        if (body.upgrade_disk) server.primaryDiskSize = type.disk
        // The API starts it again by itself, and the provider relies on that.
        await powerOn(world, server)
      }
      return { status: 'migrating', work }
    }),
    serverAction(world, 'change_protection', 'change_protection', protecting, (server, body) => {
      const protection = {
        delete: body.delete ?? server.protection.delete,
        rebuild: body.rebuild ?? server.protection.rebuild,
      }
      if (protection.delete !== protection.rebuild) throw invalid('rebuild', 'must be the same as delete')
      const work = (): void => {
        server.protection = protection
      }
      return { work }
    }),
    serverAction(world, 'add_to_placement_group', 'add_to_placement_group', grouping, (server, body) => {
      refuseRunning(server)
      if (server.placementGroup !== null) {
        throw new ApiError('already_in_placement_group', `${server.name} is in a placement group`)
      }
      refuseFull(store, body.placement_group)
      const work = (): void => {
        server.placementGroup = body.placement_group
      }
      return { work }
    }),
    serverAction(world, 'remove_from_placement_group', 'remove_from_placement_group', nothing, (server) => {
      if (server.placementGroup === null) {
        throw new ApiError('service_error', `${server.name} is in no placement group`)
      }
      const work = (): void => {
        server.placementGroup = null
      }
      return { work }
    }),
    ...[BACKUP_WINDOW, null].map((window) => {
      const name = window === null ? 'disable_backup' : 'enable_backup'
      return serverAction(world, name, name, nothing, (server) => {
        const work = (): void => {
          server.backupWindow = window
        }
        return { work }
      })
    }),
    route('POST', '/servers/:id/actions/change_dns_ptr', pointer, ({ id, body }) => {
      const server = unlocked(world, id)
      const self = resourceOf(store.servers, server)
      return started(world, changePointer(world, primaryIpsOf(world, server), body, self))
    }),
  ]
}
