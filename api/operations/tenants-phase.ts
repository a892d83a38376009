import {
  applyPoolFiles,
  closeEntries,
  closeUncovered,
  reopenEntries,
  type TriedFiles,
  tryPoolFiles,
} from '../../provisioner/tenants/apply.ts'
import { type FactScope, readTenantFacts } from '../../provisioner/tenants/facts.ts'
import { planTenants, type TenantPlan } from '../../provisioner/tenants/plan.ts'
import { poolDigest, renderPoolFiles } from '../../provisioner/tenants/pool-files.ts'
import { runTenantSql } from '../../provisioner/tenants/sql.ts'
import { invalidBecause } from '../../provisioner/tenants/validate.ts'
import { fillAllowSets } from './allow-sets.ts'
import { revoke, revokedOperations } from './authority.ts'
import { claimWaiting, stillClaimed } from './claim.ts'
import { closingDoors } from './closing.ts'
import { ClaimLost, fail, succeed } from './finish.ts'
import { prove } from './prove.ts'
import { changeStorage, letOwnersIn, makeInstances, refuseImpossible } from './storage-phase.ts'
import { recordMeasured } from './storage-record.ts'
import type { TenantBatch } from './tenant-batch.ts'
import { type HostTenants, loadTenants } from './wanted.ts'

/**
 * Makes the host's tenants as the rows want them, for all operations of the batch at once.
 * @param everything look at every database instead of the changed ones
 */
export async function runTenantsPhase(batch: TenantBatch, everything: boolean): Promise<void> {
  while ((await attempt(batch, everything)) === 'revoked') {
    // What was wanted has changed under us: load it anew.
  }
}

async function attempt(batch: TenantBatch, everything: boolean): Promise<'done' | 'revoked'> {
  const { em } = batch.dependencies
  const tenants = await loadClaimed(batch)
  await endGone(batch, tenants)
  await refuseBadRows(batch, tenants)
  const { wanted, rows } = tenants
  const facts = await readTenantFacts(batch.connection, scopeOf(tenants, everything))
  const plan = planTenants(wanted, facts, closingDoors(tenants, batch.live))
  batch.journal.begin(batch.live, 'tenants')
  if (await dropRevoked(batch)) return 'revoked'

  await recordMeasured(em, batch.host.id, { storage: facts.storage, sizes: new Map() })
  await refuseImpossible(batch, plan.storage, rows)
  await makeInstances(batch, tenants, plan)
  await close(batch, plan, rows)
  if (await dropRevoked(batch)) return 'revoked'
  // A throw-away PgBouncer tries the files, and the firewall lets in whom no pool knows yet, while PostgreSQL makes the
  // roles: none waits for the others.
  const trial = plan.open ? tryPoolFiles(batch.connection, plan.open) : null
  const admitted = plan.admit ? fillAllowSets(batch, plan.admit, tenants.revision) : null
  for (const one of [trial, admitted]) one?.catch(() => undefined)
  await makeRoles(batch, plan, rows)
  await open(batch, tenants, plan, { trial, admitted })
  await letOwnersIn(batch, tenants)
  await prove(batch, tenants)
  // Last, because nobody waits for it: a large file system takes its time.
  const storage = await changeStorage(batch, plan.storage)

  const told = [...storage, ...plan.reasons].slice(0, 20)
  await batch.journal.end(batch.live, 'tenants', told.join('; ') || 'no change')
  return 'done'
}

/**
 * The rows of the host, once every operation behind a change of theirs is this pass's. A pass carries out what the
 * rows want; an operation that it has not claimed would be carried out with nobody asking whether its key still has
 * its right, or which sessions it must end.
 */
async function loadClaimed(batch: TenantBatch): Promise<HostTenants> {
  const { em, workerId } = batch.dependencies
  for (;;) {
    const tenants = await loadTenants(em, batch.host.id)
    const awaited = tenants.changed.filter((row) => row.awaited)
    if (awaited.length === 0) return tenants
    const ids = awaited.map(({ id }) => id)
    batch.join(await claimWaiting(em, ids, workerId))
    await dropRevoked(batch)
  }
}

/** Ends operations of databases that are gone: whoever deleted one could not note it at its operation. */
async function endGone(batch: TenantBatch, { rows }: HostTenants): Promise<void> {
  const standing = new Set(rows.values().map(({ id }) => id))
  const gone = batch.live.filter(({ database }) => database && !standing.has(database.id))
  if (gone.length === 0) return
  const { em, workerId } = batch.dependencies
  const deletions = gone.filter(({ kind }) => kind === 'delete-database')
  const others = gone.filter((operation) => !deletions.includes(operation))
  await succeed(em, deletions, workerId, [])
  await fail(
    em,
    others,
    workerId,
    'DATABASE_NOT_FOUND',
    'The database was deleted before this was carried out.',
  )
  batch.live = batch.live.filter((operation) => !gone.includes(operation))
}

async function refuseBadRows(batch: TenantBatch, { wanted, rows }: HostTenants): Promise<void> {
  const bad = new Map(
    wanted.databases.flatMap((database) => {
      const reason = invalidBecause(database)
      return reason ? [[database.name, reason] as const] : []
    }),
  )
  wanted.databases = wanted.databases.filter((database) => !bad.has(database.name))
  await batch.settle('role', bad, rows)
}

function scopeOf({ wanted, changed }: HostTenants, everything: boolean): FactScope {
  if (everything) return new Map(wanted.instances.map(({ name }) => [name, 'all']))
  const usable = new Set(wanted.databases.map(({ name }) => name))
  const looked = changed.filter((row) => usable.has(row.physicalName))
  return new Map(
    Map.groupBy(looked, (row) => row.instance)
      .entries()
      .map(([instance, rows]) => [
        instance,
        // What was never seen on the host is made whatever stands there: looking would only cost time.
        rows.map((row) => ({ name: row.physicalName, known: row.observedRevision > 0 })),
      ]),
  )
}

/** Before anything that cannot be taken back: is this still our work, and does everybody still have their right? */
async function dropRevoked(batch: TenantBatch): Promise<boolean> {
  const { em, workerId } = batch.dependencies
  if (!(await stillClaimed(em, batch.live, workerId))) throw new ClaimLost()
  const revoked = await revokedOperations(em, batch.live)
  for (const operation of revoked) await revoke(em, operation, workerId)
  batch.live = batch.live.filter((operation) => !revoked.includes(operation))
  return revoked.length > 0
}

async function close(
  batch: TenantBatch,
  { close: doors }: TenantPlan,
  rows: HostTenants['rows'],
): Promise<void> {
  batch.journal.begin(batch.live, 'close')
  if (doors.files) await applyPoolFiles(batch.connection, await tryPoolFiles(batch.connection, doors.files))
  if (doors.entries.length > 0) {
    // A door that does not shut now has to be shut all the same: the pool may just be coming up again.
    await batch.settle('close', await closeEntries(batch.connection, doors.entries), rows, () => true)
  }
  const ended = await closeUncovered(batch.connection, doors.clients)
  await batch.journal.end(batch.live, 'close', ended > 0 ? `${ended} sessions ended` : null)
}

async function makeRoles(batch: TenantBatch, plan: TenantPlan, rows: HostTenants['rows']): Promise<void> {
  batch.journal.begin(batch.live, 'role')
  const alive = ({ name }: { name: string }): boolean => !batch.failed.has(name)
  await batch.settle(
    'role',
    await runTenantSql(batch.connection, 'drop-database', plan.drop.filter(alive)),
    rows,
  )
  await batch.settle(
    'role',
    await runTenantSql(batch.connection, 'ensure-database', plan.ensure.filter(alive)),
    rows,
  )
  await batch.journal.end(batch.live, 'role')
}

async function open(
  batch: TenantBatch,
  { wanted, revision }: HostTenants,
  plan: TenantPlan,
  { trial, admitted }: { trial: Promise<TriedFiles> | null; admitted: Promise<void> | null },
): Promise<void> {
  batch.journal.begin(batch.live, 'open')
  await admitted
  if (trial !== null) {
    const unborn = new Set(plan.ensure.filter(({ name }) => batch.failed.has(name)))
    const files = renderPoolFiles(wanted.databases.filter((database) => !unborn.has(database)))
    const tried = await trial
    const fits = tried.digest === poolDigest(files)
    const closed = plan.close.files ? poolDigest(plan.close.files) : null
    if (poolDigest(files) !== closed) {
      await applyPoolFiles(batch.connection, fits ? tried : await tryPoolFiles(batch.connection, files))
    }
  }
  const shut = plan.close.entries.filter(({ name, state }) => state === 'open' && !batch.failed.has(name))
  await reopenEntries(batch.connection, shut)
  await batch.journal.end(batch.live, 'open')
  batch.journal.begin(batch.live, 'shut')
  if (plan.shut) await fillAllowSets(batch, plan.shut, revision)
  await batch.journal.end(batch.live, 'shut')
}
