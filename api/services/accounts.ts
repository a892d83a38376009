import { createHash, randomBytes } from 'node:crypto'
import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Secret } from '../../common/secret.ts'
import { Account } from '../model/account.ts'
import { ApiKey } from '../model/api-key.ts'
import { Plan } from '../model/plan.ts'
import { Project } from '../model/project.ts'
import type { Actor } from './context.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent } from './operations.ts'

/** The account of an embedded installation, with its project `default`; made where it is missing. */
export async function ensureAccount(em: EntityManager): Promise<Account> {
  return await em.fork().transactional(async (tx) => {
    const found = await tx.findOne(Account, { name: 'local' })
    if (found) return found
    const account = tx.create(Account, { name: 'local', plan: tx.getReference(Plan, 'unlimited') })
    tx.create(Project, { account, name: 'default' })
    return account
  })
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex')

/** Six hexadecimal digits by which a scanner tells a real key from noise. */
const checksumOf = (body: string): string =>
  createHash('sha256').update(`dbh_${body}`).digest('hex').slice(0, 6)

/** Could this text be a key of ours at all? Saves the look-up for noise. */
export function looksLikeKey(text: string): boolean {
  const match = /^dbh_([A-Za-z0-9_-]{43})([0-9a-f]{6})$/.exec(text)
  return match?.[1] !== undefined && checksumOf(match[1]) === match[2]
}

/** A new key of 256 random bits; it is in the answer and nowhere else. */
export async function createApiKey(
  em: EntityManager,
  accountId: string,
  label: string,
  { operator = false }: { operator?: boolean } = {},
): Promise<{ apiKey: ApiKey; key: Secret }> {
  const body = randomBytes(32).toString('base64url')
  const key = `dbh_${body}${checksumOf(body)}`
  return await em.fork().transactional(async (tx) => {
    const account = tx.getReference(Account, accountId)
    const apiKey = tx.create(ApiKey, {
      account,
      label,
      operator,
      prefix: key.slice(0, 12),
      hash: hashOf(key),
    })
    await tx.flush()
    addAuditEvent(tx, null, 'api-key.create', apiKey.id, { label, operator, account: accountId })
    return { apiKey, key: new Secret(key) }
  })
}

/** How often the time of a key's last use is written, in milliseconds. */
const LAST_USE_MS = 60_000

/** The key's row where the key is good; its hash is the index, so nothing is compared byte by byte. */
export async function findApiKey(em: EntityManager, key: string): Promise<ApiKey | null> {
  if (!looksLikeKey(key)) return null
  const found = await em.findOne(ApiKey, { hash: hashOf(key) }, { populate: ['account', 'account.plan'] })
  if (!found || found.invalidBecause) return null
  const now = new Date()
  if (!found.lastUsedAt || now.getTime() - found.lastUsedAt.getTime() > LAST_USE_MS) {
    await em.fork().nativeUpdate(ApiKey, { id: found.id }, { lastUsedAt: now })
  }
  return found
}

const LOCK = { lockMode: LockMode.PESSIMISTIC_WRITE } as const

/** @throws PROJECT_EXISTS */
export async function createProject(
  em: EntityManager,
  actor: Actor,
  name: string,
  claim: IdempotencyClaim | undefined,
): Promise<Project> {
  return await em.fork().transactional(async (tx) => {
    const account = await tx.findOneOrFail(Account, { id: actor.accountId }, LOCK)
    if ((await tx.count(Project, { account: account.id, name })) > 0) {
      throw new AppError('PROJECT_EXISTS', `This account has a project ${name} already.`, {
        fields: [{ field: '/name', message: 'is taken' }],
      })
    }
    const project = tx.create(Project, { account, name })
    await tx.flush()
    addAuditEvent(tx, actor, 'project.create', project.id, { name })
    keepRecord(tx, claim, project.id)
    return project
  })
}
