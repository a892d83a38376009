import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { byText } from './order.ts'

type Range = { first: bigint; last: bigint }

const WIDEST = { ipv4: 8, ipv6: 32 } as const

/**
 * The canonical text of an address or network: host bits cleared, IPv4-mapped IPv6 as IPv4, a prefix always
 * given. `undefined` when the text is not exactly one address or network (no host names, no zones, no octal).
 */
export function canonicalCidr(text: string): string | undefined {
  const match = /^([0-9a-fA-F.:]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text)
  if (!match?.[1]) return undefined
  const address = parseAddress(match[1])
  if (!address) return undefined
  const bits = address.kind() === 'ipv4' ? 32 : 128
  const mapped = bits === 32 && match[1].includes(':')
  const given = match[2] === undefined ? (mapped ? 128 : bits) : Number(match[2])
  const prefix = mapped ? given - 96 : given
  if (prefix < 0 || prefix > bits) return undefined
  return `${networkAddress(address, prefix)}/${prefix}`
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  // The library reads octal numbers in an IPv4 tail, and `::192.0.2.1` as if it were `::ffff:192.0.2.1`.
  if (!isIPv6(text)) return undefined
  const address = ipaddr.IPv6.parse(withoutDots(text))
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

/** `64:ff9b::192.0.2.1` as `64:ff9b::c000:201`. */
function withoutDots(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
}

function networkAddress(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): string {
  const cidr = `${address.toString()}/${prefix}`
  return address.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(cidr).toString()
}

/** The canonical single-address form of a socket's remote address, or `undefined`. */
export function hostCidr(address: string): string | undefined {
  return canonicalCidr(address.replace(/%.*$/, ''))
}

export const cidrFamily = (cidr: string): 'ipv4' | 'ipv6' => (cidr.includes(':') ? 'ipv6' : 'ipv4')

function cidrRange(cidr: string): Range {
  const [text = '', prefix = ''] = cidr.split('/')
  const bytes = ipaddr.parse(text).toByteArray()
  const first = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return { first, last: first + (1n << BigInt(bytes.length * 8 - Number(prefix))) - 1n }
}

/** Does the canonical network `cidr` hold the address (any textual form that a socket reports)? */
export function cidrCovers(cidr: string, address: string): boolean {
  const host = hostCidr(address)
  if (!host || cidrFamily(host) !== cidrFamily(cidr)) return false
  const outer = cidrRange(cidr)
  const inner = cidrRange(host)
  return outer.first <= inner.first && inner.last <= outer.last
}

/** Does the canonical network `outer` hold all of the canonical network `inner`? */
export function cidrContains(outer: string, inner: string): boolean {
  if (cidrFamily(outer) !== cidrFamily(inner)) return false
  const [wide, narrow] = [cidrRange(outer), cidrRange(inner)]
  return wide.first <= narrow.first && narrow.last <= wide.last
}

/** Canonical networks, sorted, without those that another of them holds. */
export const widestCidrs = (cidrs: readonly string[]): string[] =>
  [...new Set(cidrs)]
    .filter((cidr, _, all) => !all.some((other) => other !== cidr && cidrContains(other, cidr)))
    .toSorted(byText)

/**
 * IPv6 networks whose addresses stand for an IPv4 address each, and the bit at which that begins: mapped, translated
 * (RFC 2765, RFC 6052), Teredo, 6to4. A host behind a translator sees every IPv4 client in one of them.
 */
const STANDS_FOR_IPV4 = [
  ['::ffff:0:0', 96, 96],
  ['::ffff:0:0:0', 96, 96],
  ['64:ff9b::', 96, 96],
  ['2001::', 32, 96],
  ['2002::', 16, 16],
] as const

const IPV4_MASK = (1n << 32n) - 1n

/** The IPv4 addresses that the addresses of an IPv6 network stand for. */
function standsFor({ first, last }: Range): Range[] {
  return STANDS_FOR_IPV4.flatMap(([network, prefix, bit]) => {
    const inside = cidrRange(`${network}/${prefix}`)
    const from = first > inside.first ? first : inside.first
    const to = last < inside.last ? last : inside.last
    if (to < from) return []
    const shift = BigInt(128 - 32 - bit)
    return [{ first: (from >> shift) & IPV4_MASK, last: (to >> shift) & IPV4_MASK }]
  })
}

/**
 * Do these canonical networks, taken together, open at least as much as one /8 of IPv4 or one /32 of IPv6
 * plus one address? Such lists open a database to much of the internet and must be asked for by name.
 */
export function isWide(cidrs: readonly string[]): boolean {
  const rangesOf = (family: 'ipv4' | 'ipv6'): Range[] =>
    cidrs.filter((cidr) => cidrFamily(cidr) === family).map(cidrRange)
  const ipv6 = rangesOf('ipv6')
  const ipv4 = [...rangesOf('ipv4'), ...ipv6.flatMap(standsFor)]
  return unionSize(ipv4) > 1n << BigInt(32 - WIDEST.ipv4) || unionSize(ipv6) > 1n << BigInt(128 - WIDEST.ipv6)
}

function unionSize(ranges: Range[]): bigint {
  let size = 0n
  let end = -1n
  for (const { first, last } of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const from = first > end ? first : end + 1n
    if (last < from) continue
    size += last - from + 1n
    end = last
  }
  return size
}
