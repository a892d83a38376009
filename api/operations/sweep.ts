import type { EntityManager } from '@mikro-orm/postgresql'
import type { PgBoss } from 'pg-boss'
import { messageOf } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { FAR_AHEAD_MS } from './claim.ts'
import { bringTimesBack } from './clock-put-back.ts'
import type { PassDependencies } from './dependencies.ts'
import { HOST_QUEUE, type OperationKind, STACK_KINDS, STACK_QUEUE } from './kinds.ts'
import { addOwnOperation } from './own-operations.ts'

const SWEEP_MS = 500

/** Each host is compared with what is wanted this often. */
const RECONCILE_MS = 10 * 60_000

/** A running operation that nobody has touched for this long belongs to a worker that is gone. */
const ABANDONED_SECONDS = 20

/**
 * Wakes hosts whose work is due though no job says so: an attempt that waits for its retry, a commit that fell
 * between a pass and its end, a worker that died. @returns a function that ends the sweep
 */
export function startSweep(
  boss: PgBoss,
  dependencies: Pick<PassDependencies, 'em' | 'log'>,
): () => Promise<void> {
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running
      .then(() => sweep(boss, dependencies))
      .catch((error: unknown) => {
        dependencies.log.error({ reason: messageOf(error) }, 'sweep failed')
      })
  }, SWEEP_MS)
  return async () => {
    clearInterval(timer)
    await running
  }
}

async function sweep(boss: PgBoss, { em }: Pick<PassDependencies, 'em'>): Promise<void> {
  await queueReconciles(em.fork())
  await queueAdoptions(em.fork())
  await bringTimesBack(em.fork())
  const due: { id: string; stack: boolean }[] = await em
    .fork()
    .getConnection()
    .execute(
      `select distinct host_id as id, kind = any(string_to_array(?, ',')) as stack from operation
     where (state = 'queued' and coalesce(retry_at, created_at)
              not between now() - interval '300 ms' and now() + make_interval(secs => ?))
        or (state = 'running' and started_at
              not between now() - make_interval(secs => ?) and now() + make_interval(secs => ?))`,
      [STACK_KINDS.join(','), FAR_AHEAD_MS / 1000, ABANDONED_SECONDS, FAR_AHEAD_MS / 1000],
    )
  for (const { id, stack } of due) {
    await boss.send(stack ? STACK_QUEUE : HOST_QUEUE, { hostId: id }, { singletonKey: id })
  }
}

/** A host that was seen too long ago gets a converge operation of the platform's own. */
async function queueReconciles(em: EntityManager): Promise<void> {
  const due = new Date(Date.now() - RECONCILE_MS)
  const farAhead = new Date(Date.now() + FAR_AHEAD_MS)
  const stale = await em.find(Host, {
    removedAt: null,
    givenBackAt: null,
    ssh: { $ne: null },
    $or: [
      { observedAt: { $lt: due } },
      { observedAt: { $gt: farAhead } },
      // Its first converge gave up on a host that did not answer; nobody else would ever try again.
      { observedAt: null, observation: 'unreachable' },
    ],
  })
  for (const host of stale) {
    await em.transactional(async (tx) => {
      await tx.lock(host, 4)
      const open = await tx.count(Operation, {
        host: host.id,
        kind: 'converge-host',
        state: ['queued', 'running'],
      })
      const recent = await tx.count(Operation, {
        host: host.id,
        kind: 'converge-host',
        createdAt: { $gt: due, $lt: farAhead },
      })
      if (open + recent > 0) return
      addOwnOperation(tx, host, 'converge-host')
    })
  }
}

/** A bought host that was made ready although its purchase failed late: nobody else would hand it to its stack. */
async function queueAdoptions(em: EntityManager): Promise<void> {
  const without = await em.find(Host, {
    ...{ removedAt: null, givenBackAt: null, cloud: { $ne: null }, stack: null },
    ...{ convergedDigest: { $ne: null }, observation: 'ready' },
  })
  for (const host of without) {
    await em.transactional(async (tx) => {
      await tx.lock(host, 4)
      const kind: OperationKind[] = ['buy-host', 'adopt-host', 'give-back-host']
      const recent = new Date(Date.now() - RECONCILE_MS)
      const known = await tx.count(Operation, {
        ...{ host: host.id, kind },
        $or: [{ state: ['queued', 'running'] }, { kind: 'adopt-host', createdAt: { $gt: recent } }],
      })
      if (known === 0) addOwnOperation(tx, host, 'adopt-host')
    })
  }
}
