import { AppError } from '../../common/errors.ts'
import { newId } from '../../common/ids.ts'
import { newPassword, scramVerifier } from '../../common/scram.ts'
import { seal } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import type { Database } from '../model/database.ts'
import type { Operation } from '../model/operation.ts'
import { checkRules, type GivenRule } from './allowlist.ts'
import type { Actor, ServiceContext } from './context.ts'
import { lockDatabase } from './find-database.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation, openOperations } from './operations.ts'

/** A change of what is wanted: what is in force is another revision from now on. */
function bump(database: Database): void {
  database.revision += 1
  database.failure = null
}

function refuseWhile(operations: readonly Operation[], kinds: readonly string[]): void {
  const found = operations.find(({ kind }) => kinds.includes(kind))
  if (!found) return
  throw new AppError(
    'OPERATION_IN_PROGRESS',
    `The operation ${found.id} (${found.kind}) of this database is not at its end. Wait for it, then repeat this.`,
  )
}

function refuseDeleted(database: Database): void {
  if (database.wanted === 'present') return
  throw new AppError(
    'OPERATION_IN_PROGRESS',
    'This database is being deleted. It cannot be changed any more.',
  )
}

/** A new password; the old one and every session that it opened end. @throws OPERATION_IN_PROGRESS */
export async function resetPassword(
  { em, queue, keyRing }: ServiceContext,
  actor: Actor,
  id: string,
  claim: IdempotencyClaim | undefined,
): Promise<{ operation: Operation; database: Database; password: Secret }> {
  return await em.fork().transactional(async (tx) => {
    const database = await lockDatabase(tx, actor, id)
    refuseDeleted(database)
    refuseWhile(await openOperations(tx, id), ['create-database', 'reset-password'])
    const { sealedPassword, verifier } = database
    const password = newPassword()
    database.sealedPassword = seal(keyRing, password, `database:${id}:password`)
    database.verifier = scramVerifier(password)
    bump(database)
    const operation = addOperation(tx, actor, {
      ...{ kind: 'reset-password', hostId: database.instance.host.id, database },
      undo: { sealedPassword, verifier },
    })
    operation.id = newId('op')
    operation.sealedSecret = seal(keyRing, password, `operation:${operation.id}:secret`)
    addAuditEvent(tx, actor, 'database.reset-password', id)
    keepRecord(tx, claim, operation.id)
    await tx.flush()
    await queue.wakeHost(tx, database.instance.host.id)
    return { operation, database, password }
  })
}

/** Drops the database with its data. A second request while the first is under way gets the first's operation. */
export async function deleteDatabase(
  { em, queue }: ServiceContext,
  actor: Actor,
  id: string,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    const database = await lockDatabase(tx, actor, id)
    const open = await openOperations(tx, id)
    const running = open.find(({ kind }) => kind === 'delete-database')
    if (running) return running
    database.wanted = 'absent'
    bump(database)
    const operation = addOperation(tx, actor, {
      ...{ kind: 'delete-database', hostId: database.instance.host.id, database },
      undo: { wanted: 'present' },
    })
    addAuditEvent(tx, actor, 'database.delete', id, { name: database.name })
    await tx.flush()
    await queue.wakeHost(tx, database.instance.host.id)
    return operation
  })
}

/** Replaces all rules; sessions from addresses that no rule covers any more end. @throws OPERATION_IN_PROGRESS */
export async function setAllowlist(
  { em, queue }: ServiceContext,
  actor: Actor,
  id: string,
  input: { rules: GivenRule[]; allowWide?: boolean | undefined },
): Promise<Operation> {
  const allowWide = input.allowWide ?? false
  const rules = checkRules(input.rules, allowWide, '/rules')
  return await em.fork().transactional(async (tx) => {
    const database = await lockDatabase(tx, actor, id)
    refuseDeleted(database)
    const before = await tx.find(AllowlistRule, { database: id }, { orderBy: { position: 'asc' } })
    const undo = {
      rules: before.map(({ cidr, label }) => ({ cidr, label: label ?? null })),
      allowWide: database.allowWide,
    }
    await tx.nativeDelete(AllowlistRule, { database: id })
    for (const rule of before) tx.getUnitOfWork().unsetIdentity(rule)
    for (const [position, rule] of rules.entries()) tx.create(AllowlistRule, { database, position, ...rule })
    database.allowWide = allowWide
    bump(database)
    const operation = addOperation(tx, actor, {
      ...{ kind: 'set-allowlist', hostId: database.instance.host.id, database, undo },
    })
    addAuditEvent(tx, actor, 'database.set-allowlist', id, { rules: rules.map(({ cidr }) => cidr) })
    await tx.flush()
    await queue.wakeHost(tx, database.instance.host.id)
    return operation
  })
}
