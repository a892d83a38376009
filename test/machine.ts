import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { randomName } from '../common/ids.ts'
import { Secret } from '../common/secret.ts'
import { defaultHostSpec, type HostAccess, type HostSpec } from '../hosts/host-spec.ts'
import { bootMachine } from '../hosts/local/boot.ts'
import { prepareImage } from '../hosts/local/image.ts'
import { createMachine, INSTALLATIONS, type LocalMachine } from '../hosts/local/machine.ts'
import { removeMachines } from '../hosts/local/remove.ts'
import { stopMachine } from '../hosts/local/stop.ts'

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
  const installation = randomName(6)
  const stateDirectory = join(INSTALLATIONS, installation)
  const keys = await mkdtemp(join(tmpdir(), 'dbhost-test-'))
  const key = join(keys, 'key')
  const remove = async (): Promise<void> => {
    await removeMachines(stateDirectory, installation)
    await rm(stateDirectory, { recursive: true, force: true })
    await rm(keys, { recursive: true, force: true })
  }
  try {
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const machine = await createMachine({
      installation,
      stateDirectory,
      image: await prepareImage(() => {}),
      authorizedKey: await readFile(`${key}.pub`, 'utf8'),
      hostname: 'test',
    })
    await bootMachine(machine)
    return { ...described(machine, new Secret(await readFile(key, 'utf8')), given), remove }
  } catch (error) {
    await remove()
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
