import { type CloudFailureKind, cloudFailure } from './cloud-failures.ts'
import { diagnosticsOf, errorsIn } from './diagnostics.ts'

/**
 * `locked`: another run holds the stack. `host`: it does not answer or refused the change. `outdated`: the document
 * is older than what the host has seen. `engine`: the engine itself died or broke. `deadline`: it took too long.
 * `state`: the place where it lies, or its key, cannot be opened.
 */
export type StackFailureKind =
  | ('locked' | 'host' | 'outdated' | 'memory' | 'engine' | 'deadline' | 'state')
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

/** What the engine says of a state that it cannot open, and of the key that it is encrypted with. */
const STATE =
  /(?:constructing secrets manager|could not create secrets manager|unable to open (?:bucket|state)|error: read "?\.pulumi\/meta\.yaml)[^\n]*(?:[\s\S]{0,300}?\n\s*\* [^\n]+)?/

/** Why the place where a state lies, or the key of its secrets, cannot be opened; undefined where that is not what failed. */
export const stateProblem = (text: string): string | undefined => STATE.exec(text)?.[0].replace(/\s+/g, ' ')

/** @param text everything that engine and provider said */
export function explainFailure(text: string): StackFailure {
  const state = stateProblem(text)
  if (state) {
    const message = `The state of the stack cannot be opened (${state}): npm run stack-state -- show says where it lies; name place or key again with the credentials that open it.`
    return { kind: 'state', message }
  }
  for (const { pattern, kind, say } of CASES) {
    const found = pattern.exec(text)
    if (found) return { kind, message: say(found[1] ?? (kind === 'locked' ? '' : found[0])) }
  }
  const diagnostics = diagnosticsOf(text)
  const failure = cloudFailure(diagnostics)
  if (failure) return failure
  const errors = errorsIn(diagnostics.map((one) => one.text).join('\n') || text)
  if (errors.length > 0) return { kind: 'host', message: errors.join('; ') }
  const tail = text.trim().split('\n').slice(-3).join(' ')
  return { kind: 'engine', message: `The Pulumi engine failed: ${tail || 'it said nothing'}` }
}
