import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { randomName } from '../common/ids.ts'
import { bootMachine } from '../hosts/local/boot.ts'
import { prepareImage } from '../hosts/local/image.ts'
import { createMachine, INSTALLATIONS, type LocalMachine } from '../hosts/local/machine.ts'
import { removeMachines } from '../hosts/local/remove.ts'
import { run } from '../hosts/local/run.ts'
import { ownForTest } from './leftovers.ts'

/** An installation that exists for one test file. */
export interface TestInstallation {
  id: string
  state: string
  /** The file of the private key that its machines let in. */
  key: string
  create: (hostname: string) => Promise<LocalMachine>
  boot: (hostname: string) => Promise<LocalMachine>
  /** Runs a shell script in a machine over SSH, with the host key pinned. */
  inside: (machine: LocalMachine, script: string, address?: string) => Promise<string>
  remove: () => Promise<void>
}

/** A new installation with a random id and a key of its own. */
export async function testInstallation(): Promise<TestInstallation> {
  const id = randomName(6)
  const state = join(INSTALLATIONS, id)
  await mkdir(state, { recursive: true, mode: 0o700 })
  ownForTest(state)
  const keys = await mkdtemp(join(tmpdir(), 'dbhost-test-'))
  const key = join(keys, 'key')
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key])
  const authorizedKey = await readFile(`${key}.pub`, 'utf8')
  const image = await prepareImage(() => {})
  const create = (hostname: string): Promise<LocalMachine> =>
    createMachine({ installation: id, stateDirectory: state, image, authorizedKey, hostname })
  return {
    id,
    state,
    key,
    create,
    async boot(hostname) {
      const machine = await create(hostname)
      await bootMachine(machine)
      return machine
    },
    async inside(machine, script, address = machine.address4) {
      const known = join(keys, machine.name)
      await writeFile(known, `${address} ${machine.hostKey}\n`)
      const options = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${known}`, 'ConnectTimeout=5']
      const argv = ['-F', 'none', '-i', key, ...options.flatMap((option) => ['-o', option])]
      const { stdout } = await promisify(execFile)('/usr/bin/ssh', [...argv, `root@${address}`, script])
      return stdout.trim()
    },
    async remove() {
      await removeMachines(state, id)
      await rm(state, { recursive: true, force: true })
      await rm(keys, { recursive: true, force: true })
    },
  }
}
