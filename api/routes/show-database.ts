import { AppError } from '../../common/errors.ts'
import { open } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import type { Database } from '../model/database.ts'
import { Operation } from '../model/operation.ts'
import { presentAccess, presentDatabase, presentRules } from '../schemas/databases.ts'
import { presentOperation } from '../schemas/operations.ts'
import type { Actor } from '../services/context.ts'
import { findDatabase } from '../services/find-database.ts'
import type { RouteContext } from './route.ts'

/** The outcome of a request that made a password. */
export interface NewAccess {
  operation: Operation
  password: Secret
}

export async function showRules({ em }: RouteContext, database: Database) {
  const where = { database: database.id }
  return presentRules(await em.fork().find(AllowlistRule, where, { orderBy: { position: 'asc' } }))
}

/** The database of an operation as it is now, with what a program needs to connect. */
export async function showAccess(
  context: RouteContext,
  actor: Actor,
  operation: Operation,
  password: Secret,
) {
  const database = await findDatabase(context.em.fork(), actor, operation.database?.id ?? '')
  return {
    ...presentDatabase(database),
    allowlist: await showRules(context, database),
    ...presentAccess(database, password, context.publicOrigin),
    operation: presentOperation(operation),
  }
}

const conflict = (message: string): AppError => new AppError('IDEMPOTENCY_CONFLICT', message)

/**
 * The outcome of an earlier request from its operation; the password is still sealed there for 24 hours.
 * @throws IDEMPOTENCY_CONFLICT where the answer cannot be given again
 */
export async function replayAccess({ em, keyRing }: RouteContext, id: string): Promise<NewAccess> {
  const operation = await em.fork().findOne(Operation, { id }, { populate: ['database'] })
  if (!operation?.sealedSecret) {
    throw conflict('The answer of the first request is not kept any more. Send a new Idempotency-Key.')
  }
  if (!operation.database || operation.database.deletedAt) {
    throw conflict('The database of the first request has been deleted since. Send a new Idempotency-Key.')
  }
  return { operation, password: open(keyRing, operation.sealedSecret, `operation:${id}:secret`) }
}
