import { readFile } from 'node:fs/promises'
import { Secret } from '../common/secret.ts'
import { defaultHostSpec, type HostAccess, type HostSpec } from '../hosts/host-spec.ts'
import { bootMachine } from '../hosts/local/boot.ts'
import type { LocalMachine } from '../hosts/local/machine.ts'
import { stopMachine } from '../hosts/local/stop.ts'
import { testInstallation } from './installation.ts'

/** A booted bare Debian machine of an installation of its own. */
export interface TestMachine {
  machine: LocalMachine
  target: HostAccess & { privateKey: Secret }
  spec: HostSpec
  reboot: () => Promise<void>
  /** Removes everything that the machine brought. */
  remove: () => Promise<void>
}

/** Boots a machine for a test; call `remove` whatever happens. */
export async function bareMachine(given: Partial<HostSpec> = {}): Promise<TestMachine> {
  const installation = await testInstallation()
  try {
    const machine = await installation.boot('test')
    const privateKey = new Secret(await readFile(installation.key, 'utf8'))
    return { ...described(machine, privateKey, given), remove: installation.remove }
  } catch (error) {
    await installation.remove()
    throw error
  }
}

function described(
  machine: LocalMachine,
  privateKey: Secret,
  given: Partial<HostSpec>,
): Omit<TestMachine, 'remove'> {
  const { address4, address6, outer4, outer6, hostKey } = machine
  return {
    machine,
    target: { address: address4, port: 22, user: 'root', privateKey, hostKey },
    spec: defaultHostSpec({
      name: 'test',
      kind: 'local',
      addresses: [address4, address6],
      controlPlane: [`${outer4}/32`, `${outer6}/128`],
      ...given,
    }),
    reboot: async () => {
      await stopMachine(machine)
      await bootMachine(machine)
    },
  }
}
