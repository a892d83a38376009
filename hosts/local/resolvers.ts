import { readFile, writeFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'

// Where local stub resolvers of a desktop or server keep the name servers that they ask themselves.
const PLACES = [
  '/etc/resolv.conf',
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-resolv.conf',
]

/** The name servers in a resolv.conf that a machine can reach: IPv4 only, and not this computer's loopback. */
export function usableResolvers(text: string): string[] {
  const named = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => `${address}`)
  return named.filter((address) => isIPv4(address) && !address.startsWith('127.'))
}

async function findResolvers(): Promise<string[]> {
  for (const place of PLACES) {
    const found = usableResolvers(await readFile(place, 'utf8').catch(() => ''))
    if (found.length > 0) return found
  }
  throw new Error(
    "a machine cannot use this computer's name servers: put one with an IPv4 address other than 127.x into " +
      '/etc/resolv.conf',
  )
}

/** Writes this computer's present name servers into a machine's tree. */
export async function writeResolvers(root: string): Promise<void> {
  const lines = (await findResolvers()).slice(0, 3).map((address) => `nameserver ${address}\n`)
  await writeFile(join(root, 'etc/resolv.conf'), lines.join(''))
}
