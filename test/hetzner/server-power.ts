import { z } from 'zod'
import { imageOf } from './catalog.ts'
import { ApiError } from './errors.ts'
import { idOrName, nothing } from './fields.ts'
import { primaryIpsOf } from './primary-ips.ts'
import type { ServerRecord } from './records.ts'
import { type Route, route } from './router.ts'
import { run, type ServerOrder, serverAction, unlocked } from './server-action.ts'
import { powerOff, powerOn, rebuildMachine } from './server-machine.ts'
import { rootPassword } from './servers.ts'
import type { World } from './world.ts'

const rebuilding = z.strictObject({ image: idOrName, user_data: z.string().optional() })

/** Switching, and a new disk. */
export function serverPowerRoutes(world: World): Route[] {
  const stop = (server: ServerRecord): ServerOrder => ({ work: () => powerOff(world, server) })
  const restart = (server: ServerRecord): ServerOrder => ({
    work: async () => {
      await powerOff(world, server)
      await powerOn(world, server)
    },
  })
  return [
    serverAction(world, 'poweron', 'start_server', nothing, (server) => {
      if (primaryIpsOf(world, server).length === 0) {
        throw new ApiError('service_error', `${server.name} has no network`)
      }
      if (server.status === 'running') return { work: () => {} }
      return { status: 'starting', work: () => powerOn(world, server) }
    }),
    serverAction(world, 'poweroff', 'stop_server', nothing, stop),
    serverAction(world, 'shutdown', 'shutdown_server', nothing, stop),
    serverAction(world, 'reset', 'reset_server', nothing, restart),
    serverAction(world, 'reboot', 'reboot_server', nothing, restart),
    route('POST', '/servers/:id/actions/rebuild', rebuilding, ({ id, body }) => {
      const server = unlocked(world, id)
      if (server.protection.rebuild) throw new ApiError('protected', `${server.name} is protected from it`)
      const image = imageOf(body.image, server.type.architecture)
      const work = async (): Promise<void> => {
        server.image = image
        server.userData = body.user_data ?? server.userData
        await rebuildMachine(world, server)
      }
      const action = run(world, server, 'rebuild_server', { status: 'rebuilding', work })
      const root_password = rootPassword(server.sshKeys)
      return { status: 201, body: { action: world.actions.view(action), root_password } }
    }),
  ]
}
