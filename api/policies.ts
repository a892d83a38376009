import { AppError } from '../common/errors.ts'
import type { ApiKey } from './model/api-key.ts'
import type { Actor } from './services/context.ts'

/** What a route lets be done; each is one sentence below. */
export type Action = 'use-account' | 'see-hosts'

type Rule = (actor: Actor) => boolean

const RULES: Record<Action, Rule> = {
  // A key uses everything of its own account; what is another account's looks like what is not there.
  'use-account': (actor) => actor.credentialId !== null,
  // A key sees the hosts of the installation by name and state; only an operator's sees how they are reached.
  'see-hosts': (actor) => actor.credentialId !== null,
}

/** @throws KEY_SCOPE_DENIED */
export function authorize(actor: Actor, action: Action): void {
  if (!RULES[action](actor)) throw new AppError('KEY_SCOPE_DENIED', 'This key may not do that.')
}

/** May this key use the API at all? @throws PLAN_LIMIT where its account's plan has no API access */
export function authorizeKey(key: ApiKey): void {
  if (!key.account.plan.apiAccess)
    throw new AppError('PLAN_LIMIT', 'The plan of this account has no API access.')
}
