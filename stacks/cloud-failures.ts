import { cloudWords, type Diagnostic } from './diagnostics.ts'

/**
 * `token`, `rate-limit`, `capacity`, `account-limit`, `name-taken`, `protected`: as they say. `busy`: something else is
 * changing it there. `unreachable`: no answer, or a fault there. `refused`: for another reason.
 */
export type CloudFailureKind =
  | ('token' | 'protected' | 'name-taken' | 'account-limit' | 'capacity' | 'refused')
  | ('busy' | 'rate-limit' | 'unreachable')

interface Case {
  kind: CloudFailureKind
  pattern: RegExp
  advice: string
}

/** An error of Hetzner's API, as the provider prints it. */
const coded = (...codes: string[]): string => `\\((?:${codes.join('|')})(?:, \\w+)?\\)`

const any = (...patterns: string[]): RegExp => new RegExp(patterns.join('|'))

const TOKEN =
  'Hetzner Cloud does not take the token: make one with read and write rights in its console and start the worker with it: HCLOUD_TOKEN=… npm start'

const RATE_LIMIT =
  'The requests that Hetzner Cloud allows in an hour are used up, by us or by others in the project: it is tried again later'

const UNREACHABLE = 'Hetzner Cloud did not answer, or had a fault of its own: it is tried again'

/** In this order: what no later try mends decides over what may pass. */
const CASES: Case[] = [
  {
    kind: 'token',
    pattern: any(
      coded('unauthorized', 'token_readonly', 'forbidden'),
      'Missing Hetzner Cloud API token',
      'entered token is invalid',
    ),
    advice: TOKEN,
  },
  {
    kind: 'protected',
    pattern: any(coded('protected'), 'because it is protected', 'currently marked for protection'),
    advice:
      'It is protected, like everything that holds a database: move or delete the databases of the host first; what was protected by hand is released in the console of Hetzner Cloud',
  },
  {
    kind: 'name-taken',
    pattern: any(coded('uniqueness_error')),
    advice:
      'The Hetzner Cloud project holds another of the same name, or the same key: rename or delete that one, or choose another name',
  },
  {
    kind: 'account-limit',
    pattern: any(coded('resource_limit_exceeded')),
    advice:
      'The Hetzner account may hold no more of these: ask Hetzner for a higher limit in its console, or give back what is not needed',
  },
  {
    kind: 'capacity',
    pattern: any(
      coded(
        ...['resource_unavailable', 'placement_error', 'no_space_left_in_location', 'unavailable'],
        'placement_group_member_limit_reached',
      ),
      'error during placement',
      'can no longer be ordered',
    ),
    advice:
      'Hetzner has none free there now: choose another location, another server type or another placement group',
  },
  {
    kind: 'busy',
    pattern: any(coded('conflict', 'locked', 'resource_in_use')),
    advice: 'Something else is changing it at Hetzner Cloud, or still uses it: it is tried again',
  },
  { kind: 'rate-limit', pattern: any(coded('rate_limit_exceeded')), advice: RATE_LIMIT },
  {
    kind: 'unreachable',
    pattern: any(
      coded(...['server_error', 'service_error', 'unknown_error', 'action_failed', 'maintenance']),
      coded(...['bad_gateway', 'timeout']),
      ...['dial tcp', 'connection re(?:fused|set)', 'no such host', 'i/o timeout', '\\bEOF\\b'],
      ...['TLS handshake', 'server responded with status code 5'],
    ),
    advice: UNREACHABLE,
  },
  { kind: 'refused', pattern: /./, advice: 'Hetzner Cloud refused it' },
]

interface CloudFailure {
  kind: CloudFailureKind
  message: string
}

/** Why Hetzner Cloud, or the engine for its sake, did not do it; undefined where nothing of it failed. */
export function cloudFailure(diagnostics: Diagnostic[]): CloudFailure | undefined {
  const cloud = diagnostics.filter(({ isCloud, text }) => isCloud && /^error: /m.test(text))
  for (const { kind, pattern, advice } of CASES) {
    const failed = cloud.filter(({ text }) => pattern.test(text))
    if (failed.length > 0) return { kind, message: `${advice}.${after(kind, failed)} ${detailsOf(failed)}` }
  }
  return undefined
}

/** What became of the machine, where that may surprise. */
function after(kind: CloudFailureKind, failed: Diagnostic[]): string {
  const updated = failed.flatMap(({ text }) => /updating urn:\S+:(\w+)::/.exec(text)?.[1] ?? [])
  // Hetzner changes the type of a machine only while it is off, and the provider does not switch it on again.
  if (updated.includes('Server')) return SWITCHED_OFF
  const isPurchase = kind === 'capacity' || kind === 'account-limit'
  return isPurchase && updated.length === 0 ? ' No machine was bought.' : ''
}

const SWITCHED_OFF = ' The machine may have been switched off for the change: look, and switch it on again.'

/** Resources by what was said of them. */
function detailsOf(failed: Diagnostic[]): string {
  const groups = Map.groupBy(failed, cloudWords)
  const parts = Array.from(
    groups,
    ([words, of]) => `${of.map(({ resource }) => resource).join(', ')}: ${words}`,
  )
  return `(${parts.join('; ')})`
}
