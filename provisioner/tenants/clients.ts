import { cidrCovers } from '../../common/cidr.ts'
import { type DatabaseWanted, sessionAlias } from './wanted.ts'

/** A client of PgBouncer, from its startup message on. */
export interface PoolClient {
  id: number
  entry: string
  /** `unix` for our own logins on the host. */
  address: string
}

/** @param shown what `pool-sockets` prints @throws where a line is of no known form: facts are never guessed */
export function readPoolClients(shown: string): PoolClient[] {
  return shown
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^(\d+) cl_\w+ (\S+) (\S+) \d+$/.exec(line)
      if (!match?.[2] || !match[3]) throw new Error('pool-sockets printed a line of no known form')
      return { id: Number(match[1]), entry: match[2], address: match[3] }
    })
}

/** The clients of these databases, on entry and alias, whose address no rule covers any more. */
export function uncoveredClients(
  clients: readonly PoolClient[],
  databases: readonly DatabaseWanted[],
): PoolClient[] {
  const rules = new Map(
    databases.flatMap(({ name, rules: own }) => [[name, own] as const, [sessionAlias(name), own] as const]),
  )
  return clients.filter(({ entry, address }) => {
    const allowed = rules.get(entry)
    return allowed && address !== 'unix' && !allowed.some((rule) => cidrCovers(rule, address))
  })
}
