import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql'
import { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import { STACK_KINDS } from './kinds.ts'

/**
 * What a pass writes at its operations. Each has a mark of its own: an operation that a pass of the same worker lost,
 * because the control plane's database was away when it should have been put back, belongs to nobody any more.
 */
export const markOf = (workerId: string, jobId: string): string => `${workerId} ${jobId}`

/** The job in such a mark. */
export const jobOf = (mark: string): string => mark.split(' ').at(-1) ?? ''

/** A pause ends sooner than this; what lies further ahead was written while the clock was ahead. */
export const FAR_AHEAD_MS = 60_000

/**
 * Takes every operation of a host that is due, also those that another pass left running: the queue lets only
 * one of a host be active, so a running operation without our mark has no other runner.
 * @param stack those that the engine carries out, or all others
 */
export async function claimOperations(
  em: EntityManager,
  hostId: string,
  workerId: string,
  stack = false,
): Promise<Operation[]> {
  const now = new Date()
  const farAhead = new Date(now.getTime() + FAR_AHEAD_MS)
  return await claim(em, workerId, {
    host: hostId,
    kind: stack ? { $in: [...STACK_KINDS] } : { $nin: [...STACK_KINDS] },
    $or: [
      { state: 'queued', $or: [null, { $lte: now }, { $gt: farAhead }].map((retryAt) => ({ retryAt })) },
      { state: 'running', claimedBy: { $ne: workerId } },
    ],
  })
}

/** Takes the operations of these databases that wait for whatever reason. */
export async function claimWaiting(
  em: EntityManager,
  databaseIds: readonly string[],
  workerId: string,
): Promise<Operation[]> {
  return await claim(em, workerId, { database: { $in: [...databaseIds] }, state: 'queued' })
}

async function claim(
  em: EntityManager,
  workerId: string,
  where: FilterQuery<Operation>,
): Promise<Operation[]> {
  return await em.fork().transactional(async (tx) => {
    const now = new Date()
    const due = await tx.find(Operation, where, { orderBy: { id: 'asc' }, lockMode: 4, populate: [] })
    for (const operation of due) {
      operation.state = 'running'
      operation.claimedBy = workerId
      operation.attempts += 1
      operation.startedAt ??= now
      operation.retryAt = null
    }
    await tx.flush()
    const ids = due.map((operation) => operation.id)
    await tx
      .getConnection()
      .execute(
        `update operation_step set attempts = attempts + 1 where operation_id = any(string_to_array(?, ','))`,
        [ids.join(',')],
        'run',
        tx.getTransactionContext(),
      )
    await tx.nativeUpdate(
      OperationStep,
      { operation: { $in: ids }, state: { $ne: 'done' } },
      { state: 'waiting' },
    )
    return due
  })
}

/** Puts operations back that only wait for something: this is no attempt. @param delayMs as of `releaseOperations` */
export async function putOff(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  delayMs: number,
): Promise<void> {
  const ids = operations.map((operation) => operation.id).join(',')
  await em.fork().transactional(async (tx) => {
    const run = (sql: string) =>
      tx.getConnection().execute(sql, [ids, workerId], 'run', tx.getTransactionContext())
    const mine = `id = any(string_to_array(?, ',')) and claimed_by = ? and state = 'running'`
    await run(
      `update operation_step set attempts = attempts - 1 where operation_id in (select id from operation where ${mine})`,
    )
    await run(`update operation set attempts = attempts - 1 where ${mine}`)
    await release(tx, operations, workerId, delayMs)
  })
}

/** Puts operations back for a later attempt. @param delayMs not before this many milliseconds from now */
export async function releaseOperations(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  delayMs: number,
): Promise<void> {
  await release(em.fork(), operations, workerId, delayMs)
}

async function release(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  delayMs: number,
): Promise<void> {
  const ids = operations.map((operation) => operation.id)
  await em.nativeUpdate(
    Operation,
    { id: { $in: ids }, claimedBy: workerId, state: 'running' },
    { state: 'queued', claimedBy: null, retryAt: new Date(Date.now() + delayMs) },
  )
}

/** Are all of these still this worker's? One that was held up may find that another has gone on with them. */
export async function stillClaimed(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
): Promise<boolean> {
  const ids = operations.map((operation) => operation.id)
  const mine = await em.fork().count(Operation, { id: { $in: ids }, claimedBy: workerId, state: 'running' })
  return mine === ids.length
}
