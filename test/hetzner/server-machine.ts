import type { MachineOfServer } from './machines.ts'
import { primaryIpsOf } from './primary-ips.ts'
import type { ServerRecord } from './records.ts'
import { volumeOf } from './server-volume.ts'
import type { World } from './world.ts'

function machineOf(world: World, server: ServerRecord): MachineOfServer {
  const ips = primaryIpsOf(world, server)
  const network = ips.find(({ type }) => type === 'ipv6')?.ip
  const volumes = world.store.volumes.all().filter((volume) => volume.server === server.id)
  return {
    id: server.id,
    name: server.name,
    ipv4: ips.find(({ type }) => type === 'ipv4')?.ip ?? null,
    ipv6: network === undefined ? null : network.replace('/64', '1'),
    userData: server.userData,
    sshKeys: server.sshKeys,
    volumes: volumes.map(volumeOf),
  }
}

export async function createMachine(world: World, server: ServerRecord): Promise<void> {
  await world.machines?.create(machineOf(world, server))
}

export async function powerOn({ machines }: World, server: ServerRecord): Promise<void> {
  await machines?.powerOn(server.id)
  server.status = 'running'
}

export async function powerOff({ machines }: World, server: ServerRecord): Promise<void> {
  await machines?.powerOff(server.id)
  server.status = 'off'
}

/** Another disk under the same server, which runs afterwards. */
export async function rebuildMachine(world: World, server: ServerRecord): Promise<void> {
  await world.machines?.remove(server.id)
  await world.machines?.create(machineOf(world, server))
  await powerOn(world, server)
}
