import { createHash } from 'node:crypto'
import { cidrFamily } from '../../common/cidr.ts'
import { LAYOUT } from '../layout.ts'
import type { DatabaseWanted } from './wanted.ts'

/** The union of the rules of all open databases, each once, in a fixed order. */
export function allowUnion(databases: readonly DatabaseWanted[]): string[] {
  const open = databases.filter((database) => database.state === 'open')
  return [...new Set(open.flatMap((database) => database.rules))].toSorted()
}

/** nft commands that make the two sets hold exactly these networks, in one transaction. */
export function renderAllowSet(cidrs: readonly string[]): string {
  const add = (set: string, family: 'ipv4' | 'ipv6'): string[] =>
    cidrs
      .filter((cidr) => cidrFamily(cidr) === family)
      .map((cidr) => `add element ${LAYOUT.nftTable} ${set} { ${cidr} }\n`)
  return [
    `flush set ${LAYOUT.nftTable} pg_allow4\n`,
    `flush set ${LAYOUT.nftTable} pg_allow6\n`,
    ...add('pg_allow4', 'ipv4'),
    ...add('pg_allow6', 'ipv6'),
  ].join('')
}

/** The first 16 hexadecimal digits of the SHA-256 of the rendered text, as `tenant-facts` prints it. */
export function allowDigest(cidrs: readonly string[]): string {
  return createHash('sha256').update(renderAllowSet(cidrs)).digest('hex').slice(0, 16)
}
