import { isDeepStrictEqual } from 'node:util'
import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { type CloudSpec, defaultHostSpec, type Tenancy } from '../../hosts/host-spec.ts'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import type { OperationKind } from '../operations/kinds.ts'
import type { Actor, ServiceContext } from './context.ts'
import { flushName, refuseTakenName } from './find-host.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation } from './operations.ts'

type HostContext = Pick<ServiceContext, 'em' | 'queue'>
type Transaction = ServiceContext['em']

/** What somebody wants to buy. */
export interface Purchase {
  name: string
  tenancy: Tenancy
  cloud: CloudSpec
}

/** What of a bought host may become another. */
export type Resize = { [Name in 'serverType' | 'volumeGb']?: CloudSpec[Name] | undefined }

/** The kinds that work on the machine itself: one of them at a time. */
const EXCLUSIVE: readonly OperationKind[] = ['buy-host', 'resize-host', 'give-back-host']

function addHost(tx: Transaction, { name, tenancy, cloud }: Purchase, more: Partial<Host> = {}): Host {
  const spec = defaultHostSpec({ name, kind: 'hcloud', tenancy, addresses: [], controlPlane: [] })
  return tx.create(Host, { name, spec, cloud, observation: 'never', ...more })
}

/** Buys a machine and makes it ready for databases. @throws HOST_EXISTS */
export async function buyHost(
  { em, queue }: HostContext,
  actor: Actor,
  purchase: Purchase,
  claim: IdempotencyClaim | undefined,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    await refuseTakenName(tx, purchase.name)
    const host = addHost(tx, purchase)
    await flushName(tx, purchase.name)
    const { name, cloud } = purchase
    addAuditEvent(tx, actor, 'host.buy', host.id, { name, ...cloud })
    return await begin({ queue }, tx, actor, host, { kind: 'buy-host' }, claim)
  })
}

/**
 * Says what buying would bring and cost. It is asked of a host that nobody sees and that is gone with the answer's time.
 * @throws HOST_EXISTS
 */
export async function previewPurchase(
  { em, queue }: HostContext,
  actor: Actor,
  purchase: Purchase,
  claim: IdempotencyClaim | undefined,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    await refuseTakenName(tx, purchase.name)
    const host = addHost(tx, purchase, { removedAt: new Date() })
    await tx.flush()
    return await begin({ queue }, tx, actor, host, { kind: 'preview-host', input: { change: 'buy' } }, claim)
  })
}

/** Another size of machine or volume. @throws VALIDATION_ERROR, OPERATION_IN_PROGRESS */
export async function resizeHost(
  { em, queue }: HostContext,
  actor: Actor,
  host: Host,
  resize: Resize,
  confirm: string | undefined,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    const locked = await lockBought(tx, host)
    const input = { cloud: resized(locked, resize), ...(confirm === undefined ? {} : { confirm }) }
    const undo = { cloud: locked.cloud }
    addAuditEvent(tx, actor, 'host.resize', host.id, { ...resize })
    return await begin({ queue }, tx, actor, locked, { kind: 'resize-host', undo, input })
  })
}

/** @throws VALIDATION_ERROR */
export async function previewResize(
  { em, queue }: HostContext,
  actor: Actor,
  host: Host,
  resize: Resize,
): Promise<Operation> {
  const cloud = resized(host, resize)
  const input = { change: 'resize', cloud }
  return await em
    .fork()
    .transactional((tx) => begin({ queue }, tx, actor, host, { kind: 'preview-host', input }))
}

export async function previewGivingBack(
  { em, queue }: HostContext,
  actor: Actor,
  host: Host,
): Promise<Operation> {
  const input = { change: 'give-back' }
  return await em
    .fork()
    .transactional((tx) => begin({ queue }, tx, actor, host, { kind: 'preview-host', input }))
}

/** Lets the machine and all that was bought with it be given back; the host is gone when it is. The row must be locked. */
export async function giveHostBack(
  { queue }: Pick<HostContext, 'queue'>,
  tx: Transaction,
  actor: Actor | null,
  host: Host,
): Promise<Operation> {
  const open = await openOperation(tx, host)
  if (open?.kind === 'give-back-host') return open
  refuse(open)
  host.givenBackAt = new Date()
  addAuditEvent(tx, actor, 'host.give-back', host.id, { name: host.name })
  return await begin({ queue }, tx, actor, host, { kind: 'give-back-host' })
}

/** What the host is to become. @throws VALIDATION_ERROR */
function resized({ name, cloud }: Host, resize: Resize): CloudSpec {
  if (!cloud) {
    const message = `The machine of ${name} was not bought here: change its size where it comes from.`
    const fields = Object.keys(resize).map((field) => ({
      field: `/${field}`,
      message: 'is of bought hosts only',
    }))
    throw new AppError('VALIDATION_ERROR', message, { fields })
  }
  const given = Object.fromEntries(Object.entries(resize).filter(([, value]) => value !== undefined))
  const wanted = { ...cloud, ...given }
  if (wanted.volumeGb < cloud.volumeGb) {
    throw new AppError(
      'VALIDATION_ERROR',
      `The volume of ${name} has ${cloud.volumeGb} GB and can only grow.`,
      {
        fields: [{ field: '/volumeGb', message: `must be at least ${cloud.volumeGb}` }],
      },
    )
  }
  if (isDeepStrictEqual(wanted, cloud)) {
    throw new AppError('VALIDATION_ERROR', `${name} is of that size already: nothing is to be changed.`)
  }
  return wanted
}

async function lockBought(tx: Transaction, { id }: Host): Promise<Host> {
  const host = await tx.findOneOrFail(Host, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  await refuseWhileBusy(tx, host)
  return host
}

/**
 * A machine that is being bought, changed or given back is not changed otherwise meanwhile. The row must be locked.
 * @throws OPERATION_IN_PROGRESS
 */
export async function refuseWhileBusy(tx: Transaction, host: Host): Promise<void> {
  refuse(await openOperation(tx, host))
  if (!host.givenBackAt && !host.removedAt) return
  throw new AppError(
    'OPERATION_IN_PROGRESS',
    `${host.name} is being given back and cannot be changed any more.`,
  )
}

const openOperation = (tx: Transaction, host: Host): Promise<Operation | null> =>
  tx.findOne(Operation, { host: host.id, kind: [...EXCLUSIVE], state: ['queued', 'running'] })

function refuse(open: Operation | null): void {
  if (!open) return
  throw new AppError(
    'OPERATION_IN_PROGRESS',
    `The operation ${open.id} (${open.kind}) of this host is not at its end. Wait for it, then repeat this.`,
  )
}

async function begin(
  { queue }: Pick<HostContext, 'queue'>,
  tx: Transaction,
  actor: Actor | null,
  host: Host,
  wanted: { kind: OperationKind; input?: Record<string, unknown>; undo?: Record<string, unknown> },
  claim?: IdempotencyClaim,
): Promise<Operation> {
  const operation = addOperation(tx, actor, { ...wanted, hostId: host.id })
  await tx.flush()
  keepRecord(tx, claim, operation.id)
  await tx.flush()
  await queue.wakeStack(tx, host.id)
  return operation
}
