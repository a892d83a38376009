import { type CloudFailureKind, cloudFailure, lookupFailure } from './cloud-failures.ts'
import { diagnosticsOf, errorsIn } from './diagnostics.ts'

/**
 * `locked`: another run holds the stack. `host`: it does not answer or refused the change. `outdated`: the document
 * is older than what the host has seen. `engine`: the engine itself died or broke. `deadline`: it took too long.
 */
export type StackFailureKind =
  | ('locked' | 'host' | 'outdated' | 'memory' | 'engine' | 'deadline')
  | CloudFailureKind

/** Why a stack operation failed, in words that say what to do. */
export interface StackFailure {
  kind: StackFailureKind
  message: string
}

/** Those that somebody has to mend first. */
const STAY: StackFailureKind[] = [
  ...(['token', 'protected', 'name-taken', 'account-limit', 'capacity', 'refused'] as const),
]

/** May the same operation succeed when it is tried again, with nobody doing anything? */
export const passes = (kind: StackFailureKind): boolean => !STAY.includes(kind)

const CASES: {
  pattern: RegExp
  kind: StackFailureKind
  say: (found: string) => string
}[] = [
  {
    pattern: /the stack is currently locked by(?:[\s\S]*?created by (\S+ \(pid \d+\)[^\n]*))?/,
    kind: 'locked',
    say: (who) =>
      `Another run holds this stack${who ? ` (${who})` : ''}: wait for its end. Where it died, "pulumi cancel --stack <host>" frees it.`,
  },
  {
    pattern: /revision \d+ of this host's document is older than \d+/,
    kind: 'outdated',
    say: (found) => `The host has seen a later state than this run knew (${found}): it is run again.`,
  },
  {
    pattern: /heap out of memory|cannot allocate memory|out of memory/i,
    kind: 'memory',
    say: () => 'The Pulumi engine needed more memory than a stack operation may have.',
  },
]

/** @param text everything that engine and provider said */
export function explainFailure(text: string): StackFailure {
  for (const { pattern, kind, say } of CASES) {
    const found = pattern.exec(text)
    if (found) return { kind, message: say(found[1] ?? (kind === 'locked' ? '' : found[0])) }
  }
  const diagnostics = diagnosticsOf(text)
  const failure = diagnostics.length > 0 ? cloudFailure(diagnostics) : lookupFailure(text)
  if (failure) return failure
  const errors = errorsIn(diagnostics.map((one) => one.text).join('\n') || text)
  if (errors.length > 0) return { kind: 'host', message: errors.join('; ') }
  const tail = text.trim().split('\n').slice(-3).join(' ')
  return { kind: 'engine', message: `The Pulumi engine failed: ${tail || 'it said nothing'}` }
}
