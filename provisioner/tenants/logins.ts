import { cidrCovers } from '../../common/cidr.ts'
import type { FailedLogins } from '../../common/failed-logins.ts'
import { LAYOUT } from '../layout.ts'
import { script } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import { sessionAlias } from './wanted.ts'

/** Of one database those are told that failed most. */
const MOST_ADDRESSES = 20

const ASK = `${LAYOUT.library}/pool-logins --failed\n${LAYOUT.library}/pool-ban list`

/** Who failed to log in to the databases of a host, by the name of the database there. */
export async function readFailedLogins(connection: HostConnection): Promise<Map<string, FailedLogins[]>> {
  return parseFailedLogins(await connection.run(script('read failed logins', ASK)))
}

/** @param text lines of `pool-logins --failed` and `pool-ban list` */
export function parseFailedLogins(text: string): Map<string, FailedLogins[]> {
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
  const measures = lines.flatMap(([word, cidr = '']) =>
    word === 'banned' || word === 'slowed' ? [{ measure: word, cidr } as const] : [],
  )
  const found = new Map<string, FailedLogins[]>()
  for (const [word, entry = '', address = '', count, last] of lines) {
    if (word !== 'failed') continue
    const database = entry.endsWith(ALIAS) ? entry.slice(0, -ALIAS.length) : entry
    const all = found.get(database) ?? []
    found.set(database, all)
    add(all, {
      ...{ address, count: Number(count), lastAt: new Date(Number(last) * 1000).toISOString() },
      measure: measures.find(({ cidr }) => cidrCovers(cidr, address))?.measure ?? null,
    })
  }
  for (const [database, all] of found) {
    found.set(database, all.toSorted((a, b) => b.count - a.count).slice(0, MOST_ADDRESSES))
  }
  return found
}

const ALIAS = sessionAlias('')

/** A database and its alias are one to their owner. */
function add(all: FailedLogins[], logins: FailedLogins): void {
  const known = all.find(({ address }) => address === logins.address)
  if (!known) {
    all.push(logins)
    return
  }
  known.count += logins.count
  if (logins.lastAt > known.lastAt) known.lastAt = logins.lastAt
}
