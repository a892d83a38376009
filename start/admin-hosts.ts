import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Host } from '../api/model/host.ts'
import { LocalMachine } from '../api/model/local-machine.ts'
import { Operation } from '../api/model/operation.ts'
import { type RegisterHostInput, registerHost, removeHost, setUpdateWindow } from '../api/services/hosts.ts'
import { hostCidr } from '../common/cidr.ts'
import { Secret } from '../common/secret.ts'
import type { Tenancy } from '../hosts/host-spec.ts'
import { followOperation } from './follow.ts'
import { Refusal, say } from './say.ts'
import type { HostServices } from './services.ts'

export interface AddHostOptions {
  kind: 'local' | 'ssh'
  tenancy: Tenancy
  address?: string
  port: number
  user: string
  key?: string
  hostKey?: string
}

const LOOK_MS = 300

/** Registers a host and shows its first converge. @throws {Refusal} when that fails */
export async function addHost(services: HostServices, name: string, options: AddHostOptions): Promise<void> {
  const { host, operation } = await registerHost(services, null, await readInput(name, options))
  say(`Registered ${host.name} (${host.id})`)
  const id = operation?.id ?? (await firstConverge(services, host))
  await converged(services, name, id)
  say(`${name} is ready for databases`)
}

/** Waits for a converge, showing its steps. @throws {Refusal} when that fails */
async function converged({ em }: HostServices, name: string, operationId: string): Promise<void> {
  const { state, error } = await followOperation(em, operationId, say)
  if (state === 'failed')
    throw new Refusal(`${name} could not be configured: ${error?.message ?? 'unknown why'}`)
}

/** Sets when a host installs updates, and waits until its timers say so. */
export async function moveUpdateWindow(services: HostServices, name: string, time: string): Promise<void> {
  const { host, operation } = await setUpdateWindow(services, null, name, time)
  await converged(services, host.name, operation.id)
  say(`${host.name} installs updates at ${time} UTC`)
}

async function readInput(name: string, options: AddHostOptions): Promise<RegisterHostInput> {
  const { kind, tenancy, address, port, user, key, hostKey } = options
  if (kind === 'local') return { kind, name, tenancy }
  if (!address || !key || !hostKey) {
    throw new Refusal('A host of kind ssh needs --address, --key and --host-key: give all three.')
  }
  if (!isIP(address))
    throw new Refusal(`${address} is not an IP address: give the one that clients connect to.`)
  const privateKey = new Secret(readFile(key))
  const pinned = hostKey.startsWith('ssh-') ? hostKey : readFile(hostKey)
  const controlPlane = [await ownAddressTowards(address)]
  return { kind, name, tenancy, address, port, user, privateKey, hostKey: pinned, controlPlane }
}

/** Relative to where the command was typed, which npm leaves. */
function readFile(path: string): string {
  const file = resolve(process.env.INIT_CWD ?? '.', path)
  if (!existsSync(file)) throw new Refusal(`There is no file ${file}: give the path of the key file.`)
  return readFileSync(file, 'utf8')
}

/** The address that this computer uses towards another; a connected datagram socket sends nothing. */
async function ownAddressTowards(address: string): Promise<string> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  socket.connect(9, address)
  await once(socket, 'connect')
  const own = hostCidr(socket.address().address)
  socket.close()
  if (!own) throw new Refusal(`This computer has no route to ${address}: check the address.`)
  return own
}

/** A local machine is converged once the boot helper has booted it. */
async function firstConverge({ em }: HostServices, host: Host): Promise<string> {
  let said: string | null = null
  for (;;) {
    const look = em.fork()
    const machine = await look.findOneOrFail(LocalMachine, { host: host.id })
    if (machine.observed === 'failed') throw new Refusal(`${host.name} does not boot: ${machine.detail}`)
    if (machine.detail !== null && machine.detail !== said) say(`${host.name}: ${machine.detail}`)
    said = machine.detail ?? null
    const operation = await look.findOne(Operation, { host: host.id, kind: 'converge-host' })
    if (operation) return operation.id
    await sleep(LOOK_MS)
  }
}

/** One line per host. */
export async function listHosts(em: HostServices['em']): Promise<void> {
  const hosts = await em.fork().find(Host, { removedAt: null }, { orderBy: { id: 'asc' } })
  const rows = hosts.map(({ name, id, spec, observation, observedAt }) => [
    ...[name, spec.kind, spec.tenancy, spec.addresses.join(' ') || '-', observation],
    ...[observedAt ? `seen ${observedAt.toISOString()}` : 'never seen', id],
  ])
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trim(),
    )
  if (hosts.length === 0) console.log('No host is registered: npm run admin -- host add')
}

/** Takes a host out; waits until a local machine is gone from this computer. */
export async function takeHostAway(services: HostServices, name: string, forget: boolean): Promise<void> {
  const { host, operation } = await removeHost(services, null, name, { forsake: forget })
  if (operation) {
    const { state, error } = await followOperation(services.em, operation.id, say)
    if (state === 'failed')
      throw new Refusal(`${name} was not given back: ${error?.message ?? 'unknown why'}`)
  }
  for (;;) {
    const machine = await services.em.fork().findOne(LocalMachine, { host: host.id })
    if (!machine || machine.observed === 'absent') break
    await sleep(LOOK_MS)
  }
  say(`${host.name} is removed`)
}
