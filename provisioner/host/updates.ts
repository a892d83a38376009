import { LAYOUT } from '../layout.ts'
import { sh } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'

export interface PendingUpdate {
  package: string
  installed: string
  candidate: string
  /** Labels of the archives that have the candidate: `Debian-Security`. */
  origin: string
  security: boolean
}

/** What of a host's software is outdated. */
export interface UpdateFacts {
  /** When the host last read the package lists, as ISO 8601. */
  listsAt: string
  pending: PendingUpdate[]
  rebootRequired: boolean
  /** Units that still run code which an update has replaced. */
  restartsPending: string[]
}

/** Reads what waits for an update, a restart or a reboot. @throws HostError */
export async function readUpdateFacts(connection: HostConnection): Promise<UpdateFacts> {
  return parseUpdateFacts(await connection.run(sh`${LAYOUT.library}/updates-facts`, { deadlineMs: 60_000 }))
}

/** @throws where a line is of no known form: facts are never guessed */
export function parseUpdateFacts(text: string): UpdateFacts {
  const facts: UpdateFacts = { listsAt: '', pending: [], rebootRequired: false, restartsPending: [] }
  for (const line of text.split('\n')) {
    const [kind, first = '', second = '', third = '', fourth = ''] = line.split('\t')
    if (kind === 'lists') facts.listsAt = new Date(Number(first) * 1000).toISOString()
    else if (kind === 'package') facts.pending.push(pendingUpdate(first, second, third, fourth))
    else if (kind === 'restart') facts.restartsPending.push(first)
    else if (kind === 'reboot') facts.rebootRequired = true
    else if (line !== '') throw new Error(`updates-facts printed a line of no known form: ${line}`)
  }
  if (facts.listsAt === '') throw new Error('updates-facts did not say when the package lists were read')
  return facts
}

/** @param origins as apt prints them: `Debian:13.8/stable, Debian-Security:13/stable-security` */
function pendingUpdate(name: string, installed: string, candidate: string, origins: string): PendingUpdate {
  const labels = [...new Set(origins.split(', ').map((origin) => origin.split(':')[0] ?? ''))]
  const security = labels.includes('Debian-Security')
  return { package: name, installed, candidate, origin: labels.join(', '), security }
}
