import { ApiError } from './errors.ts'
import type { Labels } from './labels.ts'

interface AddressRequest {
  kind: 'ipv4' | 'ipv6'
  labels: Labels
  /** Of the primary IP, or of the server for which it is made. */
  name: string
}

/** An IPv4 address, or an IPv6 network of 64 bits. */
export type Addresses = (request: AddressRequest) => string

const MOST_IPV4 = 254

/** Out of the documentation ranges, and never one twice: an address that comes again would hide a stale one. */
export function documentationAddresses(): Addresses {
  const given = { ipv4: 0, ipv6: 0 }
  return ({ kind }) => {
    given[kind] += 1
    if (kind === 'ipv6') return `2001:db8:0:${given.ipv6.toString(16)}::/64`
    if (given.ipv4 > MOST_IPV4) throw new ApiError('unavailable', 'no IPv4 address is left')
    return `203.0.113.${given.ipv4}`
  }
}
