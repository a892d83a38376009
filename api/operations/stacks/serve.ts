import type { Job, PgBoss } from 'pg-boss'
import { messageOf } from '../../common/errors.ts'
import { documentDigest, hostDocument } from '../../stacks/document.ts'
import { readEngineRecord } from '../../stacks/engine.ts'
import { removeOldRuns, runStack, type StackSettings } from '../../stacks/gateway.ts'
import { type ChangeSummary, countOf, type StackCommand, type StackStep } from '../../stacks/protocol.ts'
import { Host } from '../model/host.ts'
import { readHostContent } from '../model/host-content.ts'
import type { Operation } from '../model/operation.ts'
import { claimOperations, markOf, releaseOperations } from './claim.ts'
import type { PassDependencies } from './dependencies.ts'
import { fail, succeed } from './finish.ts'
import { Journal } from './journal.ts'
import { STACK_QUEUE } from './kinds.ts'
import { lastKnown, recordRun } from './stack-record.ts'

/** What a worker needs to run stacks. */
export interface StackAccess {
  settings: StackSettings
  /** Says which engine was found; it may appear while the worker runs. */
  engineFile: string
}

/** Stack operations that one worker runs at the same time: each takes half a gigabyte for some seconds. */
const AT_ONCE = 2
const POLL_SECONDS = 0.5
const DEADLINE_MS = 5 * 60_000

/** What may pass is tried again until the operation is this old. */
const PATIENCE_MS = 15 * 60_000
const LONGEST_PAUSE_MS = 60_000

/** A run by hand is looked for this often, and for this long. */
const LOOK_AGAIN_MS = 15_000
const HAND_RUN_MS = 3 * 60_000

/** Last steps of the kinds; one run serves all that wait. */
const RUN_STEPS = ['adopt', 'update', 'observe', 'forget'] as const

/** Takes hosts whose stacks have work from the queue, until `stop` fires. */
export async function startStackOperations(
  boss: PgBoss,
  dependencies: PassDependencies,
  access: StackAccess,
  stop: AbortSignal,
): Promise<void> {
  removeOldRuns(access.settings)
  await boss.work<{ hostId: string }>(
    STACK_QUEUE,
    {
      localConcurrency: AT_ONCE,
      pollingIntervalSeconds: POLL_SECONDS,
      notifyPollingIntervalSeconds: POLL_SECONDS,
    },
    async ([job]) => {
      if (job) await serveHost(dependencies, access, job, stop)
    },
  )
}

async function serveHost(
  dependencies: PassDependencies,
  access: StackAccess,
  { id, data, signal }: Job<{ hostId: string }>,
  stop: AbortSignal,
): Promise<void> {
  const { em, log } = dependencies
  const workerId = markOf(dependencies.workerId, id)
  const own = { ...dependencies, workerId }
  while (!stop.aborted && !signal.aborted) {
    const operations = await claimOperations(em, data.hostId, workerId, true)
    if (operations.length === 0) return
    await dependencies.checkpoint('stack:claimed')
    try {
      await serve(own, access, data.hostId, operations)
    } catch (error) {
      log.error({ hostId: data.hostId, err: error }, 'stack operation failed')
      await endOrRetry(own, operations, error)
    }
  }
}

/** One run of the engine serves all operations of the host that wait. */
async function serve(
  dependencies: PassDependencies,
  access: StackAccess,
  hostId: string,
  operations: readonly Operation[],
): Promise<void> {
  const { em, workerId, connections, checkpoint } = dependencies
  const journal = new Journal(em, checkpoint)
  journal.begin(operations, 'engine')
  const engine = readEngineRecord(access.engineFile)
  if (!engine) throw new NoEngine()
  const host = await em.fork().findOneOrFail(Host, { id: hostId })
  const content = await readHostContent(em, hostId)
  if (!content) return await succeed(em, operations, workerId, [])
  const document = hostDocument(content)
  await journal.end(operations, 'engine', `Pulumi ${engine.version} (${engine.source})`)
  const observes = operations.every(({ kind }) => kind === 'observe-stack')
  const current = host.stack?.digest === documentDigest(document)
  const command = commandFor(host, observes && current)
  for (const step of RUN_STEPS) journal.begin(operations, step)
  const { changes, byHand } = await runStack(engine, access.settings, {
    ...{ command, document, deadlineMs: DEADLINE_MS },
    privateKey: await connections.keyOf(host),
    recover: operations.some(({ attempts }) => attempts > 1),
    refresh: operations.some(({ input, attempts }) => input?.refresh === true || attempts > 1),
    handRunsAfter: host.stack && command !== 'forget' ? lastKnown(host.stack) : null,
    onStep: (step) => journal.detail(operations, command, describeStep(step)),
  })
  await checkpoint('stack:ran')
  if (command === 'observe' && byHand.length === 0 && operations.some(mayStillRun)) {
    return await releaseOperations(em, operations, workerId, LOOK_AGAIN_MS)
  }
  for (const step of RUN_STEPS) await journal.end(operations, step, describeChanges(changes))
  await journal.written()
  const at = new Date().toISOString()
  const ours = { command, at, changes: countOf(changes), by: operations[0]?.id ?? '' }
  const lastRun = command === 'observe' ? host.stack?.lastRun : ours
  if (lastRun && command !== 'forget') await recordRun(em, host, document, lastRun, byHand)
  await succeed(em, operations, workerId, [])
}

function commandFor({ removedAt, stack }: Host, observes: boolean): StackCommand {
  if (removedAt) return 'forget'
  if (!stack) return 'adopt'
  return observes ? 'observe' : 'update'
}

/** Nobody knows how long somebody takes; after this time what comes later is seen by the next update. */
const mayStillRun = ({ createdAt }: Operation): boolean => Date.now() - createdAt.getTime() < HAND_RUN_MS

class NoEngine extends Error {
  constructor() {
    super('No Pulumi engine is known: npm run doctor says what is missing.')
  }
}

async function endOrRetry(
  { em, workerId, log }: PassDependencies,
  operations: readonly Operation[],
  error: unknown,
): Promise<void> {
  // Whatever a run fails for may pass, until somebody has had the time to look.
  const mayPass = !(error instanceof NoEngine)
  const message = messageOf(error)
  for (const operation of operations) {
    log.warn(
      { operation: operation.id, attempt: operation.attempts, reason: message },
      'stack attempt failed',
    )
    if (mayPass && Date.now() - operation.createdAt.getTime() < PATIENCE_MS) {
      const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** Math.min(operation.attempts, 6))
      await releaseOperations(em, [operation], workerId, pause)
    } else await fail(em, [operation], workerId, 'STACK_ERROR', message)
  }
}

const describeStep = ({ operation, resource, state }: StackStep): string =>
  `${operation} ${resource}: ${state}`

function describeChanges(changes: ChangeSummary): string {
  const parts = Object.entries(changes).filter(([kind]) => kind !== 'same')
  return parts.length === 0 ? 'nothing changed' : parts.map(([kind, count]) => `${count} ${kind}`).join(', ')
}
