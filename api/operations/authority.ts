import type { EntityManager } from '@mikro-orm/postgresql'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import { ApiKey } from '../model/api-key.ts'
import { AuditEvent } from '../model/audit-event.ts'
import { Database } from '../model/database.ts'
import type { Operation } from '../model/operation.ts'
import { failWithin } from './finish.ts'

/** What a revoked operation puts back; each kind stores only what it changed. */
export interface Undo {
  wanted?: 'present' | 'absent'
  sealedPassword?: string
  verifier?: string
  allowWide?: boolean
  rules?: { cidr: string; label: string | null }[]
}

/** Those operations whose credential has lost its right since they were asked for. */
export async function revokedOperations(
  em: EntityManager,
  operations: readonly Operation[],
): Promise<Operation[]> {
  const ids = [...new Set(operations.flatMap((operation) => operation.credentialId ?? []))]
  const keys = await em.fork().find(ApiKey, { id: { $in: ids } })
  const good = new Map(keys.filter((key) => !key.invalidBecause).map((key) => [key.id, key]))
  return operations.filter(({ credentialId, account }) => {
    if (!credentialId) return false
    const key = good.get(credentialId)
    return !key || (account ? key.account.id !== account.id : false)
  })
}

/** Ends an operation as AUTHORIZATION_REVOKED and puts back what was wanted before it, unless a later one changed it. */
export async function revoke(em: EntityManager, operation: Operation, workerId: string): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const database = operation.database
      ? await tx.findOne(Database, { id: operation.database.id }, { lockMode: 4 })
      : null
    if (database && database.revision === operation.revision) {
      const undo: Undo = operation.kind === 'create-database' ? { wanted: 'absent' } : (operation.undo ?? {})
      const { rules, ...columns } = undo
      tx.assign(database, { ...columns, revision: database.revision + 1 })
      if (rules) await replaceRules(tx, database, rules)
    }
    noteRevoked(tx, operation)
    await tx.flush()
    const why = 'The key behind this operation lost its right before it was carried out. Nothing was changed.'
    await failWithin(tx, [operation], workerId, 'AUTHORIZATION_REVOKED', why)
  })
}

export function noteRevoked(tx: EntityManager, { id, kind, account }: Operation): void {
  tx.create(AuditEvent, {
    ...{ actor: 'platform', action: 'operation.revoked', resource: id },
    ...{ details: { kind }, account },
  })
}

async function replaceRules(
  tx: EntityManager,
  database: Database,
  rules: readonly { cidr: string; label: string | null }[],
): Promise<void> {
  await tx.nativeDelete(AllowlistRule, { database: database.id })
  for (const [position, rule] of rules.entries()) tx.create(AllowlistRule, { database, position, ...rule })
}
