/** Why a stack operation failed, in words that say what to do. */
interface StackFailure {
  /**
   * `locked`: another run holds the stack. `host`: it does not answer or refused the change. `outdated`: the document
   * is older than what the host has seen. `engine`: the engine itself died or broke.
   */
  kind: 'locked' | 'host' | 'outdated' | 'memory' | 'engine'
  message: string
}

const CASES: {
  pattern: RegExp
  kind: StackFailure['kind']
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
  const errors = diagnosticsOf(text)
  if (errors.length > 0) return { kind: 'host', message: errors.join('; ') }
  const tail = text.trim().split('\n').slice(-3).join(' ')
  return { kind: 'engine', message: `The Pulumi engine failed: ${tail || 'it said nothing'}` }
}

/** The errors that resources reported, without the engine's frame around them. */
const diagnosticsOf = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => /^\s*error: (?:\w+ failed: )?(.+)$/.exec(line)?.[1]?.trim() ?? '')
      .filter((line) => line !== '' && !/^(update failed|preview failed|resource .* failed)/.test(line)),
  ),
]
