import { spawnSync } from 'node:child_process'
import { networkInterfaces } from 'node:os'

const CLIENT_LINK = /^t[a-z0-9]{6}\d+o$/
const MIRRORS = ['deb.debian.org', 'registry.npmjs.org']

function usedAddresses(): string[] {
  const links = Object.entries(networkInterfaces()).filter(([name]) => !CLIENT_LINK.test(name))
  const own = links.flatMap(([, addresses]) => addresses ?? [])
  // A mirror may have an address of documentation where it is reached through a proxy.
  const { stdout } = spawnSync('getent', ['ahostsv4', ...MIRRORS], { encoding: 'utf8' })
  const mirrors = stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
  return [...own.map(({ address }) => address), ...mirrors]
}

/** The first of the networks for documentation that nothing here uses: a client's link would hide it from us. */
export function freeNetwork(used: readonly string[]): string {
  const free = ['203.0.113', '198.51.100', '192.0.2'].find(
    (network) => !used.some((address) => address.startsWith(`${network}.`)),
  )
  if (free === undefined)
    throw new Error('this computer uses every network that tests could have for clients')
  return free
}

let network: string | undefined

/** @param ordinal of a client, 0 to 63: its /30 in the network of the clients */
export function clientAddress(ordinal: number): string {
  network ??= freeNetwork(usedAddresses())
  return `${network}.${ordinal * 4 + 2}`
}
