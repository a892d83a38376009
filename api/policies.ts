import type { FilterQuery } from '@mikro-orm/postgresql'
import { AppError } from '../common/errors.ts'
import type { ApiKey } from './model/api-key.ts'
import type { Database } from './model/database.ts'
import type { Host } from './model/host.ts'
import type { Operation } from './model/operation.ts'
import type { Project } from './model/project.ts'
import type { Actor } from './services/context.ts'

// Who may do what. What a rule does not let a key see looks like what is not there.

/** What a route lets be done. */
export type Action = 'use-account' | 'see-hosts' | 'manage-hosts'

const RULES: Record<Action, (actor: Actor) => boolean> = {
  // Every key uses what its own account owns.
  'use-account': (actor) => actor.credentialId !== null,
  // Every key sees hosts; which of them and how much, the rules below say.
  'see-hosts': (actor) => actor.credentialId !== null,
  // Machines are the operator's.
  'manage-hosts': (actor) => actor.operator,
}

/** @throws KEY_SCOPE_DENIED */
export function authorize(actor: Actor, action: Action): void {
  if (!RULES[action](actor)) throw new AppError('KEY_SCOPE_DENIED', 'This key may not do that.')
}

/** A key is of use only where the plan of its account has API access. @throws PLAN_LIMIT */
export function authorizeKey(key: ApiKey): void {
  if (key.account.plan.apiAccess) return
  throw new AppError('PLAN_LIMIT', 'The plan of this account has no API access: change the plan.')
}

/** A key sees the projects of its own account. */
export const visibleProjects = ({ accountId }: Actor): FilterQuery<Project> => ({ account: accountId })

/** A key sees the databases of its own account until they are gone from their host. */
export const visibleDatabases = ({ accountId }: Actor): FilterQuery<Database> => ({
  project: { account: accountId },
  deletedAt: null,
})

/** A key sees the operations of its own account; an operator's also those of the platform. */
export const visibleOperations = ({ accountId, operator }: Actor): FilterQuery<Operation> =>
  operator ? { $or: [{ account: accountId }, { account: null }] } : { account: accountId }

/** A key sees the hosts where its account has instances, an operator's every host. @param own ids of the former */
export const visibleHosts = ({ operator }: Actor, own: readonly string[]): FilterQuery<Host> =>
  operator ? { removedAt: null } : { removedAt: null, id: { $in: [...own] } }

/** How a host is reached, and what went wrong on it, is for operators. */
export const maySeeHostAccess = ({ operator }: Actor): boolean => operator

/** A host that serves another project alone is known to operators only. */
export const mayKnowForeignHost = ({ operator }: Actor): boolean => operator
