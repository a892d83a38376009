import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { ApiKey } from '../model/api-key.ts'
import { IdempotencyRecord } from '../model/idempotency-record.ts'
import { Operation } from '../model/operation.ts'

const KEPT_MS = 24 * 3600_000
const MOST_PER_ACCOUNT = 10_000

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
 * @throws IDEMPOTENCY_CONFLICT where that request had another body
 */
export async function findRecord(em: EntityManager, claim: IdempotencyClaim): Promise<string | undefined> {
  const since = new Date(Date.now() - KEPT_MS)
  const record = await em.fork().findOne(IdempotencyRecord, { ...keyOf(claim), createdAt: { $gte: since } })
  if (!record) return undefined
  if (record.bodyHash === claim.bodyHash) return record.result
  throw new AppError(
    'IDEMPOTENCY_CONFLICT',
    'This Idempotency-Key was used for another request to this route within 24 hours. Send a new key.',
    { fields: [{ field: 'Idempotency-Key', message: 'was used with another body' }] },
  )
}

/** Makes room for a new record. @throws RATE_LIMITED where the account, over all of its API keys, has too many */
export async function limitRecords(
  em: EntityManager,
  claim: IdempotencyClaim,
  accountId: string,
): Promise<void> {
  const fork = em.fork()
  const since = new Date(Date.now() - KEPT_MS)
  await fork.nativeDelete(IdempotencyRecord, { ...keyOf(claim), createdAt: { $lt: since } })
  const keys = await fork.find(ApiKey, { account: accountId }, { fields: ['id'] })
  const credentialId = { $in: keys.map(({ id }) => id) }
  const kept = await fork.count(IdempotencyRecord, { credentialId, createdAt: { $gte: since } })
  if (kept < MOST_PER_ACCOUNT) return
  throw new AppError(
    'RATE_LIMITED',
    `This account has sent ${kept} Idempotency-Keys within 24 hours, and ${MOST_PER_ACCOUNT} are the most. Wait, or send none.`,
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
