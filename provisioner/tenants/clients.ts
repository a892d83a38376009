import { cidrCovers } from '../../common/cidr.ts'
import { type DatabaseWanted, sessionAlias } from './wanted.ts'

/**
 * Ids of the clients that no rule covers any more, from PgBouncer's `SHOW CLIENTS` (unaligned, `|` between
 * columns: type, user, database, replication or state …, addr; id last but some). Unix-socket clients are ours.
 */
export function uncoveredClients(shown: string, databases: readonly DatabaseWanted[]): number[] {
  const rules = new Map(
    databases.flatMap(({ name, rules: own }) => [[name, own] as const, [sessionAlias(name), own] as const]),
  )
  const [header = '', ...lines] = shown.split('\n')
  const columns = header.split('|')
  const [database, address, id] = ['database', 'addr', 'id'].map((name) => columns.indexOf(name))
  if (database === undefined || address === undefined || id === undefined || database < 0 || id < 0) return []
  return lines.flatMap((line) => {
    const fields = line.split('|')
    const allowed = rules.get(fields[database] ?? '')
    const from = fields[address] ?? ''
    if (!allowed || from === 'unix' || from === '') return []
    return allowed.some((rule) => cidrCovers(rule, from)) ? [] : [Number(fields[id])]
  })
}
