import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Action } from './actions.ts'
import { changing, reading, refuseProtected } from './collection.ts'
import { hostname, labels, nothing } from './fields.ts'
import { allocate, primaryIpsOf } from './primary-ips.ts'
import type { FirewallTarget, ServerRecord } from './records.ts'
import { type Route, route } from './router.ts'
import { createMachine, powerOn } from './server-machine.ts'
import { creatingServer, resolved } from './server-request.ts'
import { serverView } from './server-view.ts'
import { resourceOf, started, type World } from './world.ts'

const updating = z.strictObject({ name: hostname.optional(), labels: labels.optional() })

/** Only who gave no key gets a password. */
export const rootPassword = (keys: string[]): string | null =>
  keys.length > 0 ? null : randomBytes(12).toString('base64url')

/** Adds the server with what belongs to it. */
function add(world: World, body: z.infer<typeof creatingServer>): { server: ServerRecord; starts: boolean } {
  const { store } = world
  const wanted = resolved(world, body)
  const made = wanted.missing.map((type) => {
    const name = `primary_ip-${store.nextId()}`
    return allocate(world, { name, type, location: wanted.location, autoDelete: true }, body)
  })
  const server = store.servers.add({
    ...store.named(body),
    status: 'initializing',
    type: wanted.type,
    image: wanted.image,
    location: wanted.location,
    protection: { delete: false, rebuild: false },
    userData: body.user_data ?? '',
    sshKeys: wanted.keys.map(({ publicKey }) => publicKey),
    placementGroup: body.placement_group ?? null,
    backupWindow: null,
    primaryDiskSize: wanted.type.disk,
  })
  for (const ip of [...wanted.given, ...made]) ip.assignee = server.id
  for (const volume of wanted.volumes) volume.server = server.id
  const target: FirewallTarget = { type: 'server', server: { id: server.id } }
  for (const { firewall } of body.firewalls ?? []) store.firewalls.need(firewall).targets.push(target)
  return { server, starts: wanted.starts }
}

/** What hung on it: what lives and dies with it goes, the rest is free again. */
function release(world: World, server: ServerRecord): void {
  const { store } = world
  for (const ip of primaryIpsOf(world, server)) {
    ip.assignee = null
    if (ip.autoDelete) store.primaryIps.delete(ip.id)
  }
  for (const volume of store.volumes.all()) if (volume.server === server.id) volume.server = null
  for (const firewall of store.firewalls.all()) {
    firewall.targets = firewall.targets.filter((one) => one.type !== 'server' || one.server.id !== server.id)
  }
  store.servers.delete(server.id)
}

/** The first start, which waits for the server to be there. */
function firstStart(world: World, server: ServerRecord, after: Action): Action {
  const resources = [resourceOf(world.store.servers, server)]
  return world.actions.run({
    command: 'start_server',
    resources,
    locks: resources,
    after,
    work: async () => {
      server.status = 'starting'
      await powerOn(world, server)
    },
    undo: () => {
      server.status = 'off'
    },
  })
}

export function serverRoutes(world: World): Route[] {
  const { store, actions } = world
  const table = store.servers
  const view = (server: ServerRecord): object => serverView(world, server)
  const filters = { status: (row: ServerRecord, value: string) => row.status === value }
  const servers = { table, many: 'servers', view, filters }
  return [
    ...reading(servers),
    changing(servers, updating),
    route('POST', '/servers', creatingServer, ({ body }) => {
      const { server, starts } = add(world, body)
      const resources = [resourceOf(table, server)]
      const created = actions.run({
        command: 'create_server',
        resources,
        locks: resources,
        work: async () => {
          await createMachine(world, server)
          if (!starts) server.status = 'off'
        },
        undo: () => {
          server.status = 'off'
        },
      })
      const next = starts ? [firstStart(world, server, created)] : []
      return {
        status: 201,
        body: {
          server: view(server),
          action: actions.view(created),
          next_actions: next.map((action) => actions.view(action)),
          root_password: rootPassword(server.sshKeys),
        },
      }
    }),
    route('DELETE', '/servers/:id', nothing, ({ id }) => {
      const server = table.need(id)
      const resources = [resourceOf(table, server)]
      refuseProtected(server)
      actions.refuseLocked(...resources)
      const before = server.status
      server.status = 'deleting'
      const work = async (): Promise<void> => {
        await world.machines?.remove(id)
        release(world, server)
      }
      const undo = (): void => {
        server.status = before
      }
      return started(
        world,
        actions.run({ command: 'delete_server', resources, locks: resources, work, undo }),
        200,
      )
    }),
  ]
}
