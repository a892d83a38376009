/** Addresses of one machine's link: `outer` is this computer's end, `address` the machine's. */
export interface MachineAddresses {
  /** Position of the machine's networks in the two pools below. */
  index: number
  outer4: string
  address4: string
  outer6: string
  address6: string
}

// The benchmark range of RFC 2544: never routed, and neither home networks nor VPNs use it.
const POOL4 = (198 << 24) | (18 << 16)
const POOL6 = 'fd6b:1f0e:93c4'
const NETWORKS = 2 ** 15

export const PREFIX4 = 30
export const PREFIX6 = 64

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')

/** The /30 and the /64 at a position of the pools. */
export function addressesAt(index: number): MachineAddresses {
  if (!Number.isInteger(index) || index < 0 || index >= NETWORKS) {
    throw new RangeError(`there is no machine network ${index}`)
  }
  const base = POOL4 + index * 4
  const prefix = `${POOL6}:${(index + 1).toString(16)}`
  return {
    index,
    outer4: dotted(base + 1),
    address4: dotted(base + 2),
    outer6: `${prefix}::1`,
    address6: `${prefix}::2`,
  }
}

/**
 * The lowest free position.
 * @param taken positions of all machines on this computer
 * @param inUse addresses that this computer's interfaces have
 * @throws when all are taken
 */
export function freeAddresses(taken: Iterable<number>, inUse: Iterable<string> = []): MachineAddresses {
  const closed = new Set(taken)
  for (const address of inUse) {
    const index = indexOf(address)
    if (index !== undefined) closed.add(index)
  }
  for (let index = 0; index < NETWORKS; index++) if (!closed.has(index)) return addressesAt(index)
  throw new Error(`all ${NETWORKS} machine networks of this computer are taken`)
}

function indexOf(address: string): number | undefined {
  const bytes = address.split('.').map(Number)
  if (bytes.length !== 4) return undefined
  const offset = bytes.reduce((sum, byte) => (sum << 8) | byte, 0) - POOL4
  return offset >= 0 && offset < NETWORKS * 4 ? Math.floor(offset / 4) : undefined
}

/** The line by which a program on this computer calls the machines of an installation, `*` at its end. */
export const linkPattern = (installation: string): string => `ve-d${installation}*`

/** Linux cuts interface names at 15 characters, and nspawn names the link after the machine. */
export const machineName = (installation: string, ordinal: number): string =>
  `d${installation}${ordinal.toString(36)}`
