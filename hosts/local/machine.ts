import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { withLock } from './lock.ts'
import { furnishTree } from './machine-tree.ts'
import { freeAddresses, type MachineAddresses, machineName } from './network.ts'
import { run } from './run.ts'

/** The state directories of all installations on this computer. */
export const INSTALLATIONS = '/var/lib/dbhost'

/** Where a machine's parts are on this computer. */
export interface MachinePlace {
  /** Unique on this computer; the name of its files, process and link. */
  name: string
  /** This computer's end of the link to the machine. */
  link: string
  /** Folder of everything that is the machine's, and the root tree in it. */
  directory: string
  root: string
}

/** A Debian machine on this computer. Whether it runs is never kept, always looked up. */
export interface LocalMachine extends MachineAddresses, MachinePlace {
  installation: string
  stateDirectory: string
  hostname: string
  /** The only host key that the machine has: `ssh-ed25519 AAAA…`. */
  hostKey: string
}

export interface MachineRequest {
  /** Six characters of a-z and 0-9. */
  installation: string
  stateDirectory: string
  /** The tree that `prepareImage` gave. */
  image: string
  /** Public key that may log in as root; also several, one a line. */
  authorizedKey: string
  /** DNS label, unique in the installation. */
  hostname: string
  /** Both networks must be nobody else's; without them the machine gets the lowest free ones. */
  addresses?: MachineAddresses
  /** An ed25519 key in OpenSSH's form; without it the machine gets one of its own. */
  hostPrivateKey?: string
}

export const machinesDirectory = (stateDirectory: string): string => join(stateDirectory, 'machines')

/**
 * The machine of this hostname, made where there is none yet. It is not booted.
 * @throws when a name has another form than asked for, or the disk is too small
 */
export function createMachine(request: MachineRequest): Promise<LocalMachine> {
  if (!/^[a-z0-9]{6}$/.test(request.installation)) throw new Error('an installation has 6 characters a-z0-9')
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(request.hostname)) {
    throw new Error(`${request.hostname} is not a DNS label`)
  }
  if (request.stateDirectory !== join(INSTALLATIONS, request.installation)) {
    throw new Error(`the state of an installation lies in ${INSTALLATIONS}/<installation>`)
  }
  return withLock('machines', async () => {
    const own = await listMachines(request.stateDirectory)
    return own.find((machine) => machine.hostname === request.hostname) ?? (await make(request, own))
  })
}

async function make(request: MachineRequest, own: readonly LocalMachine[]): Promise<LocalMachine> {
  const { installation, hostname, stateDirectory } = request
  const place = machinePlace(stateDirectory, freeName(installation, own))
  const { directory, root } = place
  const addresses = request.addresses ?? freeAddresses(await takenNetworks(), ownAddresses())
  // A killed creation leaves a tree without a machine file; its copy has died with it.
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await run(['cp', '--archive', '--reflink=auto', request.image, root], { deadlineMs: 300_000, tied: true })
  const { authorizedKey, hostPrivateKey } = request
  const hostKey = await furnishTree({ root, hostname, ...addresses }, authorizedKey, hostPrivateKey)
  const machine = { ...place, installation, stateDirectory, hostname, hostKey, ...addresses }
  await writeWhole(`${directory}.json`, `${JSON.stringify(machine, null, 2)}\n`)
  return machine
}

/** Held while a machine is booted, stopped or removed. It lies with the machine's files and goes with them. */
export const machineLock = (place: MachinePlace): string => `${place.directory}.lock`

/** The parts of the machine of this name, whether there is one or not. */
export function machinePlace(stateDirectory: string, name: string): MachinePlace {
  const directory = join(machinesDirectory(stateDirectory), name)
  return { name, link: `ve-${name}`, directory, root: join(directory, 'root') }
}

function freeName(installation: string, own: readonly LocalMachine[]): string {
  const taken = new Set(own.map((machine) => machine.name))
  for (let ordinal = 1; ; ordinal++) {
    const name = machineName(installation, ordinal)
    if (!taken.has(name)) return name
  }
}

async function takenNetworks(): Promise<number[]> {
  const states = await readdir(INSTALLATIONS).catch(() => [])
  const machines = await Promise.all(states.map((state) => listMachines(join(INSTALLATIONS, state))))
  return machines.flat().map((machine) => machine.index)
}

/** What this computer's interfaces have now. */
export const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((interfaces) => interfaces?.map((one) => one.address) ?? [])

async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`
  await writeFile(temporary, text, { mode: 0o644, flush: true })
  await rename(temporary, file)
}

/** All machines of an installation in the order of their names, running or not. */
export async function listMachines(stateDirectory: string): Promise<LocalMachine[]> {
  const directory = machinesDirectory(stateDirectory)
  const names = await readdir(directory).catch(() => [])
  const files = names.filter((name) => name.endsWith('.json')).toSorted()
  const machines = files.map(async (name) => {
    const text = await readFile(join(directory, name), 'utf8').catch(() => undefined)
    return text === undefined ? [] : [JSON.parse(text) as LocalMachine]
  })
  return (await Promise.all(machines)).flat()
}
