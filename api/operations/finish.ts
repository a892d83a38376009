import type { EntityManager } from '@mikro-orm/postgresql'
import type { ErrorCode, FieldProblem } from '../../common/errors.ts'
import { ERROR_CODES } from '../../common/errors.ts'
import { Database } from '../model/database.ts'
import { Operation } from '../model/operation.ts'
import { OPERATION_ENDED_CHANNEL } from './kinds.ts'
import type { TenantRow } from './wanted.ts'

/** Another worker has taken these operations over: whatever this one still has in hand is not its business. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'

  constructor() {
    super('another worker has taken over')
  }
}

async function end(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  change: Partial<Operation>,
): Promise<void> {
  const ids = operations.map((operation) => operation.id)
  if (ids.length === 0) return
  const ended = await em.nativeUpdate(
    Operation,
    { id: { $in: ids }, claimedBy: workerId, state: 'running' },
    { ...change, claimedBy: null, finishedAt: new Date() },
  )
  // Rolls back what was recorded beside it in this transaction.
  if (ended !== ids.length) throw new ClaimLost()
  await em
    .getConnection()
    .execute(
      `select pg_notify(?, id) from unnest(string_to_array(?, ',')) as id`,
      [OPERATION_ENDED_CHANNEL, ids.join(',')],
      'all',
      em.getTransactionContext(),
    )
}

/** Ends operations well and records in the same transaction which revision of each database is in force. */
export async function succeed(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  observed: readonly TenantRow[],
): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const now = new Date()
    for (const { id, revision, wanted } of observed) {
      const gone = wanted === 'absent'
      await tx.nativeUpdate(
        Database,
        { id, observedRevision: { $lte: revision } },
        { observedRevision: revision, observedAt: now, failure: null, ...(gone ? { deletedAt: now } : {}) },
      )
    }
    await end(tx, operations, workerId, { state: 'succeeded', error: null })
  })
}

/** Ends operations well that are about no database, as a part of the caller's transaction. */
export const succeedWithin = (
  tx: EntityManager,
  operations: readonly Operation[],
  workerId: string,
): Promise<void> => end(tx, operations, workerId, { state: 'succeeded', error: null })

/** Ends operations badly; what they wanted stays wanted, and the reason stands at the database. */
export async function fail(
  em: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  code: ErrorCode,
  message: string,
  fields: FieldProblem[] = [],
): Promise<void> {
  await em.fork().transactional((tx) => failWithin(tx, operations, workerId, code, message, fields))
}

/** The same as a part of the caller's transaction, which may hold the rows. */
export async function failWithin(
  tx: EntityManager,
  operations: readonly Operation[],
  workerId: string,
  code: ErrorCode,
  message: string,
  fields: FieldProblem[] = [],
): Promise<void> {
  // A login for cleaning up changes nothing of what is wanted of its database.
  const changing = operations.filter(({ kind }) => kind !== 'cleanup-login')
  const ids = changing.flatMap((operation) => (operation.database ? [operation.database.id] : []))
  await tx.nativeUpdate(Database, { id: { $in: ids } }, { failure: message })
  const error = {
    code,
    message,
    retryable: ERROR_CODES[code].retryable,
    ...(fields.length > 0 ? { fields } : {}),
  }
  await end(tx, operations, workerId, { state: 'failed', error })
}
