import { canonicalCidr, cidrContains, cidrCovers, hostCidr, isWide } from '../../common/cidr.ts'
import { AppError, type FieldProblem } from '../../common/errors.ts'
import type { HostSpec } from '../../hosts/host-spec.ts'

export interface Rule {
  /** Canonical text. */
  cidr: string
  label: string | null
}

/** A rule as a client gives it. */
export interface GivenRule {
  cidr: string
  label?: string | null | undefined
}

const MOST_RULES = 100

const LOOPBACK = ['127.0.0.0/8', '::1/128']
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10', '198.18.0.0/15'],
  ...['fc00::/7', 'fe80::/10'],
]

/** What no client comes from: this machine itself, no address, IPv4-compatible IPv6, groups, reserved. */
const NOBODY = ['127.0.0.0/8', '0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', '::/96', 'ff00::/8']

const within = (networks: readonly string[], address: string): boolean =>
  networks.some((network) => cidrCovers(network, address))

/**
 * Checks rules as a client gave them and brings them to their canonical form.
 * @throws AppError naming each rule that is wrong, or ALLOWLIST_TOO_WIDE
 */
export function checkRules(given: readonly GivenRule[], allowWide: boolean, pointer: string): Rule[] {
  if (given.length > MOST_RULES) {
    const message = `An allowlist has at most ${MOST_RULES} rules.`
    throw new AppError('VALIDATION_ERROR', message, { fields: [{ field: pointer, message }] })
  }
  const rules = given.map(({ cidr, label }) => ({ cidr: canonicalCidr(cidr), label: label ?? null }))
  const problems: FieldProblem[] = []
  const seen = new Set<string>()
  for (const [index, { cidr }] of rules.entries()) {
    const field = `${pointer}/${index}/cidr`
    if (cidr === undefined) {
      problems.push({
        field,
        message: 'must be one address or network, such as 203.0.113.7 or 2001:db8::/48',
      })
    } else if (NOBODY.some((network) => cidrContains(network, cidr))) {
      problems.push({ field, message: `${cidr} is no network that a client can connect from` })
    } else if (seen.has(cidr)) problems.push({ field, message: `${cidr} stands in the list twice` })
    else seen.add(cidr)
  }
  if (problems.length > 0) {
    throw new AppError('VALIDATION_ERROR', 'The allowlist has rules that cannot be used.', {
      fields: problems,
    })
  }
  if (isWide([...seen]) && !allowWide) {
    throw new AppError(
      'ALLOWLIST_TOO_WIDE',
      'These rules open the database to more than a /8 of IPv4 (also as IPv6 addresses that stand for it) or a /32 of IPv6. Send "allowWide": true if that is what you want.',
      { fields: [{ field: pointer, message: 'is too wide without allowWide' }] },
    )
  }
  return rules.flatMap(({ cidr, label }) => (cidr === undefined ? [] : [{ cidr, label }]))
}

/**
 * The rules of a new database whose client gave none: the client's own address, as that host sees it.
 * @throws ALLOWLIST_REQUIRED where that address cannot be known
 */
export function defaultRules(spec: HostSpec, sourceAddress: string | null): Rule[] {
  const address = sourceAddress ?? ''
  // On this computer's machines a loopback caller arrives from the outer address of the machine's link.
  if (spec.kind === 'local' && within(LOOPBACK, address)) {
    return spec.controlPlane.map((cidr) => ({ cidr, label: 'this computer' }))
  }
  const own = hostCidr(address)
  if (!own || within([...LOOPBACK, ...PRIVATE], address)) {
    throw new AppError(
      'ALLOWLIST_REQUIRED',
      'Your address as this API sees it is not the one that the host would see. Send "allowlist" with the addresses that may connect ([] for none yet).',
      { fields: [{ field: '/allowlist', message: 'is needed here' }] },
    )
  }
  return [{ cidr: own, label: 'the address that created this database' }]
}
