import type { Job, PgBoss } from 'pg-boss'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { jobOf, markOf } from './claim.ts'
import type { PassDependencies } from './dependencies.ts'
import { HOST_QUEUE, STACK_KINDS, STACK_QUEUE } from './kinds.ts'
import { runPass } from './pass.ts'
import { atOnce } from './polling.ts'

/** Hosts that one worker serves at the same time. */
const HOSTS_AT_ONCE = 4

/** After an error that nobody foresaw, in milliseconds. */
const UNEXPECTED_PAUSE_MS = 5_000

/** Takes hosts from the queue and runs a pass for each, until `stop` fires. */
export async function startRunner(
  boss: PgBoss,
  dependencies: PassDependencies,
  stop: AbortSignal,
): Promise<void> {
  await boss.work<{ hostId: string }>(HOST_QUEUE, atOnce(HOSTS_AT_ONCE), async ([job]) => {
    if (job) await runJob(dependencies, job, stop)
  })
}

async function runJob(
  dependencies: PassDependencies,
  job: Job<{ hostId: string }>,
  stop: AbortSignal,
): Promise<void> {
  const { em, workerId, log } = dependencies
  const { hostId } = job.data
  const mark = markOf(workerId, job.id)
  await em.fork().nativeUpdate(Host, { id: hostId }, { passWorker: workerId, passJob: job.id })
  try {
    await runPass({ ...dependencies, workerId: mark }, hostId, AbortSignal.any([stop, job.signal]))
  } catch (error) {
    // The sweep sends the host again while work waits for it; a retry of this job would only come sooner or twice.
    log.error({ hostId, err: error }, 'pass ended by an unexpected error')
    await em
      .fork()
      .nativeUpdate(
        Operation,
        { host: hostId, state: 'running', claimedBy: mark },
        { state: 'queued', claimedBy: null, retryAt: new Date(Date.now() + UNEXPECTED_PAUSE_MS) },
      )
  }
}

/** Frees the hosts that a dead worker was serving, so that nobody waits for its heartbeat to be missed. */
export async function takeOver(
  boss: PgBoss,
  { em, log }: PassDependencies,
  predecessor: string,
): Promise<void> {
  const hosts = await em.fork().find(Host, { passWorker: predecessor })
  for (const host of hosts) {
    if (!host.passJob) continue
    await boss.fail(HOST_QUEUE, host.passJob)
    await boss.send(HOST_QUEUE, { hostId: host.id }, { singletonKey: host.id })
    log.info({ host: host.name, predecessor }, 'took over from a dead worker')
  }
  const stack = {
    kind: [...STACK_KINDS],
    state: 'running' as const,
    claimedBy: { $like: `${markOf(predecessor, '')}%` },
  }
  const claimed = await em.fork().find(Operation, stack, { populate: ['host'] })
  for (const [mark, [operation]] of Map.groupBy(claimed, ({ claimedBy }) => claimedBy)) {
    if (!mark || !operation) continue
    const { id, name } = operation.host
    await boss.fail(STACK_QUEUE, jobOf(mark))
    await boss.send(STACK_QUEUE, { hostId: id }, { singletonKey: id })
    log.info({ host: name, predecessor }, 'took over a stack operation from a dead worker')
  }
}
