import type { Operation } from '../model/operation.ts'
import type { Undo } from './authority.ts'
import type { HostTenants } from './wanted.ts'

/**
 * Names of the databases whose door must shut before anything else: those with a new password, those that lose a
 * rule, and those changed without an operation of this pass (taken up again or put back), where we cannot know.
 */
export function closingDoors(
  { wanted, rows, changed }: HostTenants,
  operations: readonly Operation[],
): { passwords: Set<string>; rules: Set<string> } {
  const passwords = new Set<string>()
  const rules = new Set<string>()
  const byDatabase = Map.groupBy(operations, (operation) => operation.database?.id)
  // An operation closes even where an earlier pass brought what it wants in force already.
  const asked = rows.values().filter((row) => byDatabase.has(row.id))
  for (const row of new Set([...changed, ...asked])) {
    const own = byDatabase.get(row.id) ?? []
    const unknown = own.length === 0 && row.observedRevision > 0
    const now = new Set(wanted.databases.find(({ name }) => name === row.physicalName)?.rules)
    const loses = (operation: Operation): boolean => {
      const before = (operation.undo as Undo | null)?.rules ?? []
      return before.some(({ cidr }) => !now.has(cidr))
    }
    if (unknown || own.some(({ kind }) => kind === 'reset-password')) passwords.add(row.physicalName)
    const closes = (operation: Operation): boolean =>
      operation.kind === 'set-allowlist' && operation.input?.closed !== true && loses(operation)
    if (unknown || own.some(closes)) {
      rules.add(row.physicalName)
    }
  }
  return { passwords: intersect(passwords, rows), rules: intersect(rules, rows) }
}

const intersect = (names: Set<string>, rows: ReadonlyMap<string, unknown>): Set<string> =>
  new Set([...names].filter((name) => rows.has(name)))
