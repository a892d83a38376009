import { isDeepStrictEqual } from 'node:util'
import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { randomName } from '../../common/ids.ts'
import { sealBox } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import { defaultHostSpec, type HostAccess, type HostSpec, type Tenancy } from '../../hosts/host-spec.ts'
import { Database } from '../model/database.ts'
import { Host } from '../model/host.ts'
import { HostCredential, loginKeyContext } from '../model/host-credential.ts'
import { LocalMachine } from '../model/local-machine.ts'
import { Operation } from '../model/operation.ts'
import { removeUnusedInstances } from '../model/unused-instances.ts'
import type { Actor, ServiceContext } from './context.ts'
import { flushName, refuseTakenName } from './find-host.ts'
import { checkHostName, checkSshAccess, checkWindow } from './host-access.ts'
import { giveHostBack, refuseWhileBusy } from './host-operations.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation } from './operations.ts'

type HostContext = Pick<ServiceContext, 'em' | 'queue' | 'boxPublicKey'>

export type RegisterHostInput = { name: string; tenancy?: Tenancy | undefined } & (
  | { kind: 'local' }
  | {
      kind: 'ssh'
      address: string
      port: number
      user: string
      privateKey: Secret
      hostKey: string
      /** Canonical CIDRs that the control plane comes from. */
      controlPlane: string[]
    }
)

/**
 * Registers a machine of the data plane. A local one is booted by the boot helper, which then calls `hostBooted`; an
 * ssh one is converged at once, its operation is in the answer.
 * @throws HOST_EXISTS, VALIDATION_ERROR
 */
export async function registerHost(
  { em, queue, boxPublicKey }: HostContext,
  actor: Actor | null,
  input: RegisterHostInput,
  claim?: IdempotencyClaim,
): Promise<{ host: Host; operation: Operation | null }> {
  checkHostName(input.name)
  const ssh = input.kind === 'ssh' ? checkSshAccess(input) : null
  return await em.fork().transactional(async (tx) => {
    await refuseTakenName(tx, input.name)
    const spec = defaultHostSpec({
      ...{ name: input.name, kind: input.kind, tenancy: input.tenancy ?? 'shared' },
      addresses: ssh ? [ssh.address] : [],
      controlPlane: input.kind === 'ssh' ? input.controlPlane : [],
    })
    const host = tx.create(Host, { name: input.name, spec, ssh, observation: 'never' })
    await flushName(tx, input.name)
    addAuditEvent(tx, actor, 'host.register', host.id, { name: input.name, kind: input.kind })
    keepRecord(tx, claim, host.id)
    if (input.kind === 'local') {
      const machineName = `${input.name}-${randomName(6)}`
      tx.create(LocalMachine, { host, machineName, wanted: 'running', observed: 'absent' })
      return { host, operation: null }
    }
    const sealedKey = sealBox(boxPublicKey, input.privateKey, loginKeyContext(host.id))
    tx.create(HostCredential, { host, sealedKey })
    return { host, operation: await queueConverge({ queue }, tx, host) }
  })
}

/** Queues a converge of the host unless one waits already. */
export async function queueConverge(
  { queue }: Pick<ServiceContext, 'queue'>,
  tx: ServiceContext['em'],
  host: Host,
): Promise<Operation> {
  const waiting = await tx.findOne(Operation, { host: host.id, kind: 'converge-host', state: 'queued' })
  if (waiting) return waiting
  const operation = addOperation(tx, null, { kind: 'converge-host', hostId: host.id })
  await tx.flush()
  await queue.wakeHost(tx, host.id)
  return operation
}

export interface BootedMachine {
  addresses: string[]
  /** This computer's addresses on the machine's link, as canonical CIDRs. */
  controlPlane: string[]
  ssh: HostAccess
  privateKey: Secret
}

/** Records how a local machine is reached; converges it where that is new or it was never ready. */
export async function hostBooted(
  { em, queue, boxPublicKey }: HostContext,
  hostId: string,
  machine: BootedMachine,
): Promise<Operation | null> {
  return await em.fork().transactional(async (tx) => {
    const host = await tx.findOneOrFail(Host, { id: hostId }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    const spec: HostSpec = { ...host.spec, addresses: machine.addresses, controlPlane: machine.controlPlane }
    const same = isDeepStrictEqual([host.spec, host.ssh], [spec, machine.ssh]) && host.convergedDigest
    host.spec = spec
    host.ssh = machine.ssh
    const sealedKey = sealBox(boxPublicKey, machine.privateKey, loginKeyContext(host.id))
    await tx.upsert(HostCredential, { host: host.id, sealedKey })
    await tx.flush()
    return same ? null : await queueConverge({ queue }, tx, host)
  })
}

/**
 * Sets when updates begin on a host, and converges it.
 * @param window HH:MM, UTC
 * @throws HOST_NOT_FOUND, VALIDATION_ERROR
 */
export async function setUpdateWindow(
  { em, queue }: HostContext,
  actor: Actor | null,
  nameOrId: string,
  window: string,
  field = '/window',
): Promise<{ host: Host; operation: Operation }> {
  checkWindow(window, field)
  return await em.fork().transactional(async (tx) => {
    const host = await findByNameOrId(tx, nameOrId)
    await refuseWhileBusy(tx, host)
    host.spec = { ...host.spec, updates: { ...host.spec.updates, window } }
    addAuditEvent(tx, actor, 'host.update-window', host.id, { window })
    await tx.flush()
    return { host, operation: await queueConverge({ queue }, tx, host) }
  })
}

async function findByNameOrId(tx: ServiceContext['em'], nameOrId: string): Promise<Host> {
  const host = await tx.findOne(
    Host,
    { $or: [{ id: nameOrId }, { name: nameOrId }], removedAt: null },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  )
  if (!host) throw new AppError('HOST_NOT_FOUND', `There is no host ${nameOrId}.`)
  return host
}

/**
 * Takes a host out of the inventory. A local machine is removed by the boot helper; a bought one is given back, by the
 * operation in the answer.
 * @param forsake a bought machine of which nothing is left at the provider
 * @throws HOST_IN_USE, OPERATION_IN_PROGRESS
 */
export async function removeHost(
  { em, queue }: HostContext,
  actor: Actor | null,
  nameOrId: string,
  { forsake = false } = {},
): Promise<{ host: Host; operation: Operation | null }> {
  return await em.fork().transactional(async (tx) => {
    const host = await findByNameOrId(tx, nameOrId)
    const databases = await tx.count(Database, { instance: { host: host.id }, deletedAt: null })
    if (databases > 0) {
      throw new AppError(
        'HOST_IN_USE',
        `The host ${host.name} holds ${databases} databases: delete them first.`,
      )
    }
    if (host.cloud && !forsake) return { host, operation: await giveHostBack({ queue }, tx, actor, host) }
    if (host.cloud) await refuseWhileBusy(tx, host)
    await removeUnusedInstances(tx, host.id)
    await tx.nativeUpdate(LocalMachine, { host: host.id }, { wanted: 'removed' })
    host.removedAt = new Date()
    // A later host of the same name must not begin with this one's state.
    if (host.stack || host.cloud)
      addOperation(tx, null, {
        kind: 'forget-stack',
        hostId: host.id,
        ...(forsake ? { input: { forsake } } : {}),
      })
    addAuditEvent(tx, actor, 'host.remove', host.id, { name: host.name })
    return { host, operation: null }
  })
}
