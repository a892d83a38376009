import ipaddr from 'ipaddr.js'

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
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
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

/**
 * Do these canonical networks, taken together, open at least as much as one /8 of IPv4 or one /32 of IPv6
 * plus one address? Such lists open a database to much of the internet and must be asked for by name.
 */
export function isWide(cidrs: readonly string[]): boolean {
  return (['ipv4', 'ipv6'] as const).some((family) => {
    const ranges = cidrs.filter((cidr) => cidrFamily(cidr) === family).map(cidrRange)
    const limit = 1n << BigInt((family === 'ipv4' ? 32 : 128) - WIDEST[family])
    return unionSize(ranges) > limit
  })
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
