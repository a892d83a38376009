import { globSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../../hosts/local/lock.ts'
import { INSTALLATIONS, ownAddresses } from '../../hosts/local/machine.ts'
import { addressesAt, type MachineAddresses } from '../../hosts/local/network.ts'
import type { Addresses } from './addresses.ts'
import { ApiError } from './errors.ts'

/** Networks of one emulator. */
const SHARE = 256
/**
 * Machines without given addresses take the lowest free network of this computer, and so never come into the upper half.
 * It is enough that emulators keep out of each other's share of it.
 */
const SHARES = [2 ** 14, 2 ** 15] as const

interface LocalAddresses {
  addresses: Addresses
  /** Both ends of the link to the machine that has these. Throws where they were not given here. */
  linkOf: (ipv4: string | null, ipv6: string | null) => MachineAddresses
}

/** A cloud's machine has the first address of its network, which elsewhere is this computer's end. */
function linkAt(index: number): MachineAddresses {
  const { outer6, address6, ...link } = addressesAt(index)
  return { ...link, outer6: address6, address6: outer6 }
}

/**
 * Addresses of this computer's machines, reserved as long as the state directory is there. None is given twice, and the
 * n-th IPv4 address belongs to the n-th IPv6 network.
 */
export async function reserveAddresses(stateDirectory: string): Promise<LocalAddresses> {
  const first = await reserve(stateDirectory)
  const links = Array.from({ length: SHARE }, (_, offset) => linkAt(first + offset))
  const given = { ipv4: 0, ipv6: 0 }
  return {
    addresses: ({ kind }) => {
      const link = links[given[kind]]
      if (!link) throw new ApiError('unavailable', `no ${kind} address is left`)
      given[kind] += 1
      return kind === 'ipv4' ? link.address4 : link.address6.replace(/1$/, '/64')
    },
    linkOf: (ipv4, ipv6) => {
      const four = links.find(({ address4 }) => address4 === ipv4)
      const six = links.find(({ address6 }) => address6 === ipv6)
      if (!four || !six) throw new Error('a machine needs an IPv4 and an IPv6 address, both from here')
      return { ...four, outer6: six.outer6, address6: six.address6 }
    },
  }
}

const note = (state: string, first: number): string => join(state, `addresses-${first}`)

const reserve = (stateDirectory: string): Promise<number> =>
  withLock('emulated-addresses', async () => {
    const used = new Set(ownAddresses())
    const [from, to] = SHARES
    for (let first = from; first < to; first += SHARE) {
      const indexes = Array.from({ length: SHARE }, (_, offset) => first + offset)
      const isUsed = indexes.some((index) => Object.values(addressesAt(index)).some((one) => used.has(one)))
      if (isUsed || globSync(note(join(INSTALLATIONS, '*'), first)).length > 0) continue
      await writeFile(note(stateDirectory, first), '')
      return first
    }
    throw new Error("no share of this computer's networks is free")
  })
