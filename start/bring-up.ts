import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Host } from '../api/model/host.ts'
import { LocalMachine } from '../api/model/local-machine.ts'
import { Operation } from '../api/model/operation.ts'
import { hostBooted, registerHost } from '../api/services/hosts.ts'
import { canonicalCidr } from '../common/cidr.ts'
import type { LocalMachine as Machine } from '../hosts/local/machine.ts'
import { type ControlPlane, startPrograms } from './control-plane.ts'
import { followOperation } from './follow.ts'
import type { InstallationKeys } from './keys.ts'
import { MachineKeeper } from './machines.ts'
import { Refusal, say } from './say.ts'
import type { Shutdown } from './shutdown.ts'

const FIRST_HOST = 'local-1'
const LOOK_MS = 200

/** Boots this computer's machines, runs server and worker, and waits until every machine serves. */
export async function bringUp(plane: ControlPlane, shutdown: Shutdown): Promise<void> {
  await registerFirstHost(plane)
  const keeper = new MachineKeeper({
    installation: plane.installation,
    em: plane.services.em,
    authorizedKey: plane.keys.machineSsh.publicKey,
    booted: (row, machine) => announce(plane, row, machine),
    report: say,
  })
  shutdown.add({ name: 'the machines', stop: () => keeper.stop(), kill: () => {} })
  keeper.start()
  await startPrograms(plane, shutdown)
  const rows = await plane.services.em
    .fork()
    .find(LocalMachine, { wanted: 'running' }, { populate: ['host'] })
  for (const { host } of rows) await shutdown.or(untilServing(plane, host))
}

/** Tells the rows how the machine is reached, and gives the worker the key to it. */
export async function announce(
  { services, keys }: Pick<ControlPlane, 'services'> & { keys: Pick<InstallationKeys, 'machineSsh'> },
  row: LocalMachine,
  machine: Machine,
): Promise<void> {
  const cidr = (address: string): string => canonicalCidr(address) ?? address
  await hostBooted(services, row.host.id, {
    addresses: [machine.address4, machine.address6],
    controlPlane: [cidr(machine.outer4), cidr(machine.outer6)],
    // In the order in which PostgreSQL gives the fields back, so that a machine that has not changed compares equal.
    ssh: { port: 22, user: 'root', address: machine.address4, hostKey: machine.hostKey },
    privateKey: keys.machineSsh.privateKey,
  })
}

/** Only an installation that never had a host gets one: who removed it wants to do without. */
async function registerFirstHost({ services }: ControlPlane): Promise<void> {
  if ((await services.em.fork().count(Host)) > 0) return
  await registerHost(services, null, { name: FIRST_HOST, kind: 'local', tenancy: 'shared' })
}

async function untilServing({ services }: ControlPlane, host: Host): Promise<void> {
  for (;;) {
    const machine = await services.em.fork().findOneOrFail(LocalMachine, { host: host.id })
    if (machine.observed === 'failed') {
      throw new Refusal(`The machine ${host.name} does not boot: ${machine.detail ?? 'nobody knows why'}`)
    }
    if (machine.observed === 'running' && machine.detail === null) break
    await sleep(LOOK_MS)
  }
  await untilConverged(services.em, host)
}

/** A host that was configured before serves as it is; a converge that is due goes on in the background. */
async function untilConverged(em: EntityManager, { id, name }: Host): Promise<void> {
  for (;;) {
    const host = await em.fork().findOneOrFail(Host, { id })
    if (host.convergedDigest !== null && host.observation !== 'never') return
    const operation = await em
      .fork()
      .findOne(Operation, { host: id, kind: 'converge-host' }, { orderBy: { id: 'desc' } })
    if (!operation) {
      await sleep(LOOK_MS)
      continue
    }
    const { state, error } = await followOperation(em, operation.id, say)
    if (state === 'failed') {
      throw new Refusal(`The host ${name} could not be configured: ${error?.message ?? 'nobody knows why'}`)
    }
  }
}
