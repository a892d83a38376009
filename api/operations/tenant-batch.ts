import type { HostConnection } from '../../provisioner/ssh.ts'
import type { Failures } from '../../provisioner/tenants/sql.ts'
import type { Host } from '../model/host.ts'
import type { Operation } from '../model/operation.ts'
import { releaseOperations } from './claim.ts'
import type { PassDependencies } from './dependencies.ts'
import { fail } from './finish.ts'
import { Journal } from './journal.ts'
import type { OperationKind } from './kinds.ts'
import type { TenantRow } from './wanted.ts'

/** An opening that cannot be carried out within this time fails; what is wanted stays and is tried again later. */
const OPENING_DEADLINE_MS = 5 * 60_000

/**
 * These are tried until they are carried out or lose their right. A deletion that was reported as failed must not
 * happen behind its owner's back later, and a thief must not outwait a reset.
 */
const PATIENT: readonly OperationKind[] = ['delete-database', 'reset-password', 'set-allowlist']

/** Failures that pass by themselves: somebody holds a lock, a session is still ending, the host is busy. */
const PASSING = new RegExp(
  [
    'lock timeout',
    'statement timeout',
    'being accessed by other users',
    'did not report',
    'have not ended',
    'tuple concurrently',
    'did not end in its time',
    'hold the lock of this host',
    // Its server ended, or comes up again.
    'connection to server (on socket|was lost)',
    'server closed the connection',
    'terminating connection',
    'the database system is',
    'too many clients',
    'remaining connection slots',
  ].join('|'),
)

export const mayPass = (reason: string): boolean => PASSING.test(reason)

/** The operations that one pass carries out together; one that fails leaves alone. */
export class TenantBatch {
  readonly dependencies: PassDependencies
  readonly host: Host
  readonly connection: HostConnection
  readonly journal: Journal
  live: Operation[]
  /** Names of databases that failed in this pass. */
  readonly failed = new Set<string>()

  constructor(
    dependencies: PassDependencies,
    host: Host,
    connection: HostConnection,
    operations: readonly Operation[],
  ) {
    this.dependencies = dependencies
    this.host = host
    this.connection = connection
    this.journal = new Journal(dependencies.em, dependencies.checkpoint)
    this.live = [...operations]
  }

  /** Takes operations in that were claimed after the pass had begun; what failed before gets its next attempt here. */
  join(operations: readonly Operation[]): void {
    this.live.push(...operations)
    this.failed.clear()
  }

  /** Live operations of these kinds whose database is one of these rows. */
  of(rows: Iterable<TenantRow>): Operation[] {
    const ids = new Set([...rows].map((row) => row.id))
    return this.live.filter((operation) => operation.database && ids.has(operation.database.id))
  }

  /** Takes the failed databases' operations out: tried again soon where the reason may pass, ended where not. */
  async settle(
    step: string,
    failures: Failures,
    rows: ReadonlyMap<string, TenantRow>,
    passes = mayPass,
  ): Promise<void> {
    for (const [name, reason] of failures) {
      this.failed.add(name)
      const row = rows.get(name)
      const operations = row ? this.of([row]) : []
      if (operations.length === 0) continue
      this.live = this.live.filter((operation) => !operations.includes(operation))
      await this.journal.fail(operations, step, reason)
      await endOrRetry(this.dependencies, operations, reason, passes(reason))
    }
  }
}

export const isPatient = ({ kind }: Operation): boolean => PATIENT.includes(kind)

/** Puts operations back for another attempt while there is time and hope; ends them as AGENT_ERROR otherwise. */
export async function endOrRetry(
  { em, workerId, log }: PassDependencies,
  operations: readonly Operation[],
  reason: string,
  mayPass: boolean,
): Promise<void> {
  for (const operation of operations) {
    const age = Date.now() - operation.createdAt.getTime()
    log.warn(
      { operation: operation.id, kind: operation.kind, attempt: operation.attempts, reason },
      'attempt failed',
    )
    if (mayPass && (isPatient(operation) || age < OPENING_DEADLINE_MS)) {
      const delay = Math.min(15_000, 250 * 2 ** Math.min(operation.attempts, 6))
      await releaseOperations(em, [operation], workerId, delay)
    } else {
      await fail(em, [operation], workerId, 'AGENT_ERROR', `The host could not carry this out: ${reason}.`)
    }
  }
}
