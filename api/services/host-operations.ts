import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import type { OperationKind } from '../operations/kinds.ts'
import type { Actor, ServiceContext } from './context.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation } from './operations.ts'

type Transaction = ServiceContext['em']

/** The kinds that work on the machine itself: one of them at a time. */
const EXCLUSIVE: readonly OperationKind[] = ['buy-host', 'resize-host', 'give-back-host']

/** Lets the machine and all that was bought with it be given back; the host is gone when it is. The row must be locked. */
export async function giveHostBack(
  { queue }: Pick<ServiceContext, 'queue'>,
  tx: Transaction,
  actor: Actor | null,
  host: Host,
): Promise<Operation> {
  const open = await openOperation(tx, host)
  if (open?.kind === 'give-back-host') return open
  refuse(open)
  host.givenBackAt = new Date()
  addAuditEvent(tx, actor, 'host.give-back', host.id, { name: host.name })
  return await beginOnStack({ queue }, tx, actor, host, { kind: 'give-back-host' })
}

/** The host's row, locked, for a change of what was bought. @throws OPERATION_IN_PROGRESS */
export async function lockBought(tx: Transaction, { id }: Host): Promise<Host> {
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

/** An operation on the stack of a host. */
export interface Wanted {
  kind: OperationKind
  input?: Record<string, unknown>
  undo?: Record<string, unknown>
}

/** Begins an operation on the stack of a host. */
export async function beginOnStack(
  { queue }: Pick<ServiceContext, 'queue'>,
  tx: Transaction,
  actor: Actor | null,
  host: Host,
  wanted: Wanted,
  claim?: IdempotencyClaim,
): Promise<Operation> {
  const operation = addOperation(tx, actor, { ...wanted, hostId: host.id })
  await tx.flush()
  keepRecord(tx, claim, operation.id)
  await tx.flush()
  await queue.wakeStack(tx, host.id)
  return operation
}
