import { bootMachine } from '../../hosts/local/boot.ts'
import { prepareImage } from '../../hosts/local/image.ts'
import { createMachine, type LocalMachine, listMachines } from '../../hosts/local/machine.ts'
import { removeMachine } from '../../hosts/local/remove.ts'
import { stopMachine } from '../../hosts/local/stop.ts'
import type { TestInstallation } from '../installation.ts'
import type { Addresses } from './addresses.ts'
import { reserveAddresses } from './local-addresses.ts'
import { LocalVolumes } from './local-volumes.ts'
import type { MachineOfServer, ServerMachines } from './machines.ts'
import { hostKeyOf } from './user-data.ts'

/** Machines of this computer behind the servers; of user data they know what our stack sends. */
class LocalMachines implements ServerMachines {
  readonly volumes: LocalVolumes
  readonly #make: (server: MachineOfServer) => Promise<LocalMachine>
  readonly #machines = new Map<number, LocalMachine>()

  constructor(stateDirectory: string, make: (server: MachineOfServer) => Promise<LocalMachine>) {
    this.volumes = new LocalVolumes(stateDirectory, (server) => this.#machines.get(server))
    this.#make = make
  }

  /** @throws where it was not made */
  need(id: number): LocalMachine {
    const machine = this.#machines.get(id)
    if (!machine) throw new Error(`there is no machine of server ${id}`)
    return machine
  }

  async create(server: MachineOfServer): Promise<void> {
    this.#machines.set(server.id, await this.#make(server))
    for (const volume of server.volumes) await this.volumes.attach(server.id, volume)
  }

  powerOn(id: number): Promise<void> {
    return bootMachine(this.need(id))
  }

  powerOff(id: number): Promise<void> {
    return stopMachine(this.need(id))
  }

  async remove(id: number): Promise<void> {
    const machine = this.#machines.get(id)
    if (machine) await removeMachine(machine)
    this.#machines.delete(id)
    await this.volumes.detachAll(id)
  }
}

export interface LocalCloud {
  addresses: Addresses
  machines: ServerMachines
  /** The machine behind a server. Throws where there is none. */
  machineOf: (server: number) => LocalMachine
}

/**
 * What an emulator needs to have machines behind its servers: `HetznerEmulator.start({ ...(await localCloud(installation)) })`.
 * Everything goes with the installation, once the emulator is closed.
 */
export async function localCloud({ id, state }: TestInstallation): Promise<LocalCloud> {
  const image = await prepareImage(() => {})
  const { addresses, linkOf } = await reserveAddresses(state)
  const make = async ({ name, ipv4, ipv6, userData, sshKeys }: MachineOfServer): Promise<LocalMachine> => {
    const own = await listMachines(state)
    if (own.some(({ hostname }) => hostname === name)) throw new Error(`another machine was made as ${name}`)
    const key = userData === '' ? undefined : hostKeyOf(userData)
    const machine = await createMachine({
      ...{ installation: id, stateDirectory: state, image, hostname: name },
      ...{ addresses: linkOf(ipv4, ipv6), authorizedKey: sshKeys.join('\n') },
      ...(key && { hostPrivateKey: key.privateKey }),
    })
    if (key && !key.publicKey.startsWith(machine.hostKey)) {
      await removeMachine(machine)
      throw new Error('the two halves of the host key in user data do not belong together')
    }
    return machine
  }
  const machines = new LocalMachines(state, make)
  return { addresses, machines, machineOf: (server) => machines.need(server) }
}
