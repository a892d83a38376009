import { cidrCovers } from '../../common/cidr.ts'
import type { HostConnection } from '../../provisioner/ssh.ts'
import { checkLogins, isLimitReached } from '../../provisioner/tenants/login.ts'
import type { DatabaseWanted } from '../../provisioner/tenants/wanted.ts'
import type { Host } from '../model/host.ts'
import { isOpenInCloud } from './cloud-door.ts'
import type { PassDependencies } from './dependencies.ts'
import { loginFromOutside } from './outside-login.ts'
import { passwordOf, type TenantRow } from './wanted.ts'

/** Long enough for a login under load, short enough for a firewall that drops: that one never answers. */
const OUTSIDE_DEADLINE_MS = 1_000

export interface Verdict {
  /** Why the change is not in force; undefined where it is. */
  failure?: string
  /** What was seen that is no failure. */
  note?: string
}

/**
 * Proves each change by logins as the tenant: on the host through PgBouncer's socket, and from here over TLS.
 * @param judged called for each database as soon as both outcomes are known, so that a slow one holds up nobody
 */
export async function verify(
  { ring }: PassDependencies,
  host: Host,
  connection: HostConnection,
  databases: readonly { wanted: DatabaseWanted; row: TenantRow }[],
  judged: (name: string, verdict: Verdict) => void,
): Promise<void> {
  const first = new Map<string, Verdict>()
  const collect = (name: string, verdict: Verdict): void => {
    const other = first.get(name)
    if (other) judged(name, merge(other, verdict))
    else first.set(name, verdict)
  }
  const checks = databases.map(({ wanted, row }) => ({ name: wanted.name, password: passwordOf(row, ring) }))
  const inside = checkLogins(connection, checks, (name, refusal) => collect(name, judge(refusal)))
  const outside = databases.map(async ({ wanted, row }) => {
    const answer = await loginFromOutside({
      address: host.spec.addresses[0] ?? '',
      port: host.spec.ports.pooler,
      ca: host.caCertificate ?? '',
      name: wanted.name,
      password: passwordOf(row, ring),
      deadlineMs: OUTSIDE_DEADLINE_MS,
    })
    const covering = wanted.rules.filter((rule) => cidrCovers(rule, connection.localAddress))
    if (covering.length === 0) return collect(wanted.name, judgeUncovered(answer))
    // Where the firewall of the cloud follows later, both answers are right.
    const opened = covering.some((rule) => isOpenInCloud(host, [rule]))
    collect(wanted.name, opened ? judge(answer && `from the control plane: ${answer}`) : {})
  })
  await Promise.all([inside, ...outside])
}

/** Where one login says that every connection is taken, a time-out of the other is no failure of its own. */
function merge(first: Verdict, second: Verdict): Verdict {
  const both = { ...first, ...second }
  if (both.note && both.failure && /timeout/i.test(both.failure)) return { note: both.note }
  return both
}

function judge(refusal: string | undefined): Verdict {
  if (refusal === undefined) return {}
  return isLimitReached(refusal) ? { note: `limit reached: ${refusal}` } : { failure: refusal }
}

/** The control plane has no rule of its own: where the owner's rules do not cover it, it must be refused. */
const judgeUncovered = (answer: string | undefined): Verdict =>
  answer === undefined ? { failure: 'a login from an address that no rule covers was let in' } : {}
