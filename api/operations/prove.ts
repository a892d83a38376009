import { setTimeout as delay } from 'node:timers/promises'
import { awaitCloud, isOpenInCloud } from './cloud-door.ts'
import { succeed } from './finish.ts'
import type { TenantBatch } from './tenant-batch.ts'
import { type Verdict, verify } from './verify.ts'
import type { HostTenants, TenantRow } from './wanted.ts'

/** What is proved by then is recorded without waiting for a database whose owner holds every connection. */
const QUICK_MS = 300

/** Proves what the pass changed and ends its operations, each as soon as it is known. */
export async function prove(batch: TenantBatch, { wanted, rows, changed }: HostTenants): Promise<void> {
  batch.journal.begin(batch.live, 'verify')
  const touched = new Set(batch.live.flatMap((operation) => operation.database?.id ?? []))
  const all = wanted.databases.flatMap((database) => {
    const row = rows.get(database.name)
    return row && database.state === 'open' && touched.has(row.id) ? [{ wanted: database, row }] : []
  })
  const shut = all.filter(({ wanted: { rules } }) => !isOpenInCloud(batch.host, rules))
  await awaitCloud(
    batch,
    shut.map(({ row }) => row),
  )
  const asked = new Set(batch.live.flatMap((operation) => operation.database?.id ?? []))
  const pairs = all.filter(({ row }) => asked.has(row.id))
  const seen = new Set(all.map(({ row }) => row))
  const unproved = changed.filter((row) => !seen.has(row) && !batch.failed.has(row.physicalName))
  const verdicts = new Map<string, Verdict>()
  const proved = verify(batch.dependencies, batch.host, batch.connection, pairs, (name, verdict) => {
    verdicts.set(name, verdict)
  })
  await record(batch, unproved)
  await Promise.race([proved, delay(QUICK_MS)])
  await recordVerdicts(batch, rows, verdicts)
  await proved
  await recordVerdicts(batch, rows, verdicts)
}

async function recordVerdicts(
  batch: TenantBatch,
  rows: HostTenants['rows'],
  verdicts: Map<string, Verdict>,
): Promise<void> {
  const known = [...verdicts]
  verdicts.clear()
  const failures = known.flatMap(([name, { failure }]) => (failure ? [[name, failure] as const] : []))
  const good = known.filter(([, { failure }]) => !failure).flatMap(([name]) => rows.get(name) ?? [])
  const notes = known.flatMap(([, { note }]) => note ?? [])
  await batch.settle('verify', new Map(failures), rows)
  await record(batch, good, notes.join('; ') || null)
}

/** Ends the operations of these databases well, and records which revision is in force. */
async function record(
  batch: TenantBatch,
  observed: readonly TenantRow[],
  note: string | null = null,
): Promise<void> {
  if (observed.length === 0) return
  const operations = batch.of(observed)
  await batch.journal.end(operations, 'verify', note)
  await batch.journal.written()
  await succeed(batch.dependencies.em, operations, batch.dependencies.workerId, observed)
  batch.live = batch.live.filter((operation) => !operations.includes(operation))
}
