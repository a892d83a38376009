import { HostError } from '../../provisioner/ssh.ts'
import type { TenantPlan } from '../../provisioner/tenants/plan.ts'
import type { StoragePlan } from '../../provisioner/tenants/plan-storage.ts'
import {
  allowCleanup,
  ensureInstances,
  growInstances,
  measureStorage,
  removeInstances,
} from '../../provisioner/tenants/storage.ts'
import type { Operation } from '../model/operation.ts'
import { fail } from './finish.ts'
import { recordMeasured } from './storage-record.ts'
import { endOrRetry, isPatient, type TenantBatch } from './tenant-batch.ts'
import type { HostTenants, TenantRow } from './wanted.ts'

/**
 * Takes those out that storage makes impossible now. A deletion or a new password is tried again until there is room;
 * what only opens fails at once with a reason that says what to do.
 */
export async function refuseImpossible(
  batch: TenantBatch,
  { impossible }: StoragePlan,
  rows: ReadonlyMap<string, TenantRow>,
): Promise<void> {
  for (const [name, reason] of impossible) {
    batch.failed.add(name)
    const row = rows.get(name)
    const operations = row ? batch.of([row]) : []
    batch.live = batch.live.filter((operation) => !operations.includes(operation))
    for (const operation of operations) {
      for (const step of ['instance', 'close', 'login']) await batch.journal.fail([operation], step, reason)
      await endOrRetry(batch.dependencies, [operation], reason, isPatient(operation))
    }
  }
}

/** Makes and starts what is missing or stopped; the databases of an instance that fails fail with it. */
export async function makeInstances(
  batch: TenantBatch,
  tenants: HostTenants,
  plan: TenantPlan,
): Promise<void> {
  batch.journal.begin(batch.live, 'instance')
  const failures = await ensureInstances(batch.connection, batch.host.spec.tenancy, plan.instances)
  const databases = tenants.wanted.databases.filter(({ instance }) => failures.has(instance))
  const reasons = databases.map(({ name, instance }) => [name, failures.get(instance) ?? ''] as const)
  await batch.settle('instance', new Map(reasons), tenants.rows)
  await batch.journal.end(batch.live, 'instance')
}

/** Makes storage larger, and removes that of instances without a database. @returns what could not be done, in words */
export async function changeStorage(
  { connection, dependencies, host }: TenantBatch,
  plan: StoragePlan,
): Promise<string[]> {
  const grown = await growInstances(connection, plan.grow)
  const removed = await removeInstances(connection, plan.remove)
  if (plan.grow.length > 0) {
    // Whoever asked for it looks at what is there now.
    await recordMeasured(dependencies.em, host.id, await measureStorage(connection))
  }
  return [...grown, ...removed].map(
    ([name, reason]) => `the storage of instance ${name} stays as it is: ${reason}`,
  )
}

const NOT_FULL =
  'The storage of this project is not full, so its databases are open: log in as always. There is nothing to let you in for.'

/** Opens full instances for owners who asked to make room. */
export async function letOwnersIn(batch: TenantBatch, { rows }: HostTenants): Promise<void> {
  const asked = batch.live.filter(({ kind }) => kind === 'cleanup-login')
  batch.journal.begin(asked, 'login')
  const byId = new Map([...rows.values()].map((row) => [row.id, row]))
  for (const operation of asked) {
    const row = byId.get(operation.database?.id ?? '')
    if (row) await letOwnerIn(batch, operation, row)
  }
}

async function letOwnerIn(batch: TenantBatch, operation: Operation, row: TenantRow): Promise<void> {
  const { dependencies, connection, journal } = batch
  const minutes = Number(operation.input?.minutes ?? 30)
  const refuse = async (reason: string, end: () => Promise<void>): Promise<void> => {
    batch.live = batch.live.filter((other) => other !== operation)
    await journal.fail([operation], 'login', reason)
    await end()
  }
  try {
    const until = await allowCleanup(connection, row.instance, row.physicalName, minutes * 60)
    if (until === undefined) {
      const { em, workerId } = dependencies
      return await refuse('not full', () => fail(em, [operation], workerId, 'STORAGE_NOT_FULL', NOT_FULL))
    }
    const update = 'update database set cleanup_until = ? where id = ?'
    await dependencies.em.fork().getConnection().execute(update, [until, row.id], 'run')
    await journal.end([operation], 'login', `until ${until.toISOString()}`)
  } catch (error) {
    if (!connection.alive || !(error instanceof HostError)) throw error
    const reason = error.message
    await refuse(reason, () => endOrRetry(dependencies, [operation], reason, true))
  }
}
