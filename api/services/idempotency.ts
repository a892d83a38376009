import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { IdempotencyRecord } from '../model/idempotency-record.ts'
import { Operation } from '../model/operation.ts'

const KEPT_MS = 24 * 3600_000
const MOST_PER_CREDENTIAL = 10_000

/** A key that a client sent with a request, and what it was sent with. */
export interface IdempotencyClaim {
  credentialId: string
  /** Method and path. */
  route: string
  key: string
  /** SHA-256 of the canonical body. */
  bodyHash: string
}

const keyOf = ({ credentialId, route, key }: IdempotencyClaim) => ({ credentialId, route, key })

/**
 * What an earlier request with this key led to: the id of its operation or resource; undefined where there was none.
 * @throws IDEMPOTENCY_CONFLICT where that request had another body, RATE_LIMITED where too many keys are kept
 */
export async function findRecord(em: EntityManager, claim: IdempotencyClaim): Promise<string | undefined> {
  const fork = em.fork()
  const since = new Date(Date.now() - KEPT_MS)
  const record = await fork.findOne(IdempotencyRecord, keyOf(claim))
  if (record && record.createdAt >= since) {
    if (record.bodyHash === claim.bodyHash) return record.result
    throw new AppError(
      'IDEMPOTENCY_CONFLICT',
      'This Idempotency-Key was used for another request to this route within 24 hours. Send a new key.',
      { fields: [{ field: 'Idempotency-Key', message: 'was used with another body' }] },
    )
  }
  if (record) await fork.nativeDelete(IdempotencyRecord, keyOf(claim))
  const kept = await fork.count(IdempotencyRecord, {
    credentialId: claim.credentialId,
    createdAt: { $gte: since },
  })
  if (kept < MOST_PER_CREDENTIAL) return undefined
  throw new AppError(
    'RATE_LIMITED',
    `This key has sent ${kept} idempotency keys within 24 hours; that is the most.`,
  )
}

/** Keeps what the request led to, in its own transaction: a second request with this key fails to commit. */
export function keepRecord(tx: EntityManager, claim: IdempotencyClaim | undefined, result: string): void {
  if (claim) tx.create(IdempotencyRecord, { ...claim, result })
}

/** Removes what is older than 24 hours: keys, and the passwords that replays could show. */
export async function purgeIdempotency(em: EntityManager): Promise<void> {
  const before = new Date(Date.now() - KEPT_MS)
  const fork = em.fork()
  await fork.nativeDelete(IdempotencyRecord, { createdAt: { $lt: before } })
  await fork.nativeUpdate(
    Operation,
    { createdAt: { $lt: before }, sealedSecret: { $ne: null } },
    { sealedSecret: null },
  )
}
