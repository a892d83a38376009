import type { Job, PgBoss } from 'pg-boss'
import { AppError, messageOf } from '../../../common/errors.ts'
import { CloudError } from '../../../hosts/hcloud/client.ts'
import { removeOldRuns, StackError } from '../../../stacks/gateway.ts'
import { Host } from '../../model/host.ts'
import type { Operation } from '../../model/operation.ts'
import { noteRevoked, revokedOperations } from '../authority.ts'
import { claimOperations, markOf, releaseOperations } from '../claim.ts'
import type { PassDependencies } from '../dependencies.ts'
import { ClaimLost, failWithin } from '../finish.ts'
import { Journal } from '../journal.ts'
import { type OperationKind, STACK_QUEUE } from '../kinds.ts'
import { atOnce } from '../polling.ts'
import { buy, undoPurchase } from './buy.ts'
import { giveBack, keepAfterAll } from './give-back.ts'
import { preview } from './preview.ts'
import { lastProgress } from './progress.ts'
import { resize, undoResize } from './resize.ts'
import { runTogether } from './together.ts'
import { type Outcome, revoked, type StackAccess, type StackWork, type Undone } from './work.ts'

/** Stack operations that one worker runs at the same time: each takes half a gigabyte for some seconds. */
const AT_ONCE = 2

/** What may pass is tried again for this long after the operation last got on. */
const PATIENCE_MS = 15 * 60_000
const LONGEST_PAUSE_MS = 60_000

type Undo = (work: StackWork, error: unknown) => Promise<Undone>

/** Kinds that are carried out one by one, each with what puts things right where it fails for good. */
const ALONE: Partial<Record<OperationKind, { act: (work: StackWork) => Promise<Outcome>; undo?: Undo }>> = {
  'preview-host': { act: preview },
  'buy-host': { act: buy, undo: undoPurchase },
  'resize-host': { act: resize, undo: undoResize },
  'give-back-host': { act: giveBack, undo: keepAfterAll },
}

/** Takes hosts whose stacks have work from the queue, until `stop` fires. */
export async function startStackOperations(
  boss: PgBoss,
  dependencies: PassDependencies,
  access: StackAccess,
  stop: AbortSignal,
): Promise<void> {
  removeOldRuns(access.settings)
  await boss.work<{ hostId: string }>(STACK_QUEUE, atOnce(AT_ONCE), async ([job]) => {
    if (job) await serveHost(dependencies, access, job, stop)
  })
}

async function serveHost(
  dependencies: PassDependencies,
  access: StackAccess,
  { id, data, signal }: Job<{ hostId: string }>,
  stop: AbortSignal,
): Promise<void> {
  const own = { ...dependencies, workerId: markOf(dependencies.workerId, id) }
  while (!stop.aborted && !signal.aborted) {
    const claimed = await claimOperations(own.em, data.hostId, own.workerId, true)
    if (claimed.length === 0) return
    await own.checkpoint('stack:claimed')
    for (const operations of groupsOf(claimed)) await serve(own, access, data.hostId, operations)
  }
}

/** What only records goes together and first; it is quick, and somebody may be shut out by it. */
function groupsOf(operations: readonly Operation[]): Operation[][] {
  const together = operations.filter(({ kind }) => !ALONE[kind])
  const alone = operations.filter(({ kind }) => ALONE[kind])
  return [...(together.length > 0 ? [together] : []), ...alone.map((operation) => [operation])]
}

async function serve(
  dependencies: PassDependencies,
  access: StackAccess,
  hostId: string,
  operations: readonly Operation[],
): Promise<void> {
  const { em, log } = dependencies
  const host = await em.fork().findOneOrFail(Host, { id: hostId })
  const journal = new Journal(em, dependencies.checkpoint)
  // What an attempt that died had begun is not known.
  const began = operations.some(({ attempts }) => attempts > 1)
  const work: StackWork = { dependencies, access, host, operations, journal, began }
  try {
    if ((await revokedOperations(em, operations)).length > 0) throw revoked()
    const alone = operations[0] && ALONE[operations[0].kind]
    await (alone ? alone.act(work) : runTogether(work))
  } catch (error) {
    if (error instanceof ClaimLost) return log.warn({ host: host.name }, error.message)
    log.error({ hostId, err: error }, 'stack operation failed')
    await journal.written().catch(() => undefined)
    for (const operation of operations) await endOrRetry(work, operation, error)
  }
}

/** May the same succeed later without anybody's doing? */
function mayPass(error: unknown): boolean {
  if (error instanceof AppError) return false
  if (error instanceof StackError) return error.passes
  if (error instanceof CloudError) return error.kind === 'rate-limit' || error.kind === 'unreachable'
  return true
}

async function endOrRetry(work: StackWork, operation: Operation, error: unknown): Promise<void> {
  const { em, workerId, log } = work.dependencies
  const message = messageOf(error)
  log.warn({ operation: operation.id, attempt: operation.attempts, reason: message }, 'stack attempt failed')
  if (mayPass(error) && Date.now() - (await lastProgress(em, operation)) < PATIENCE_MS) {
    const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** Math.min(operation.attempts, 6))
    return await releaseOperations(em, [operation], workerId, pause)
  }
  const { said, row } = await undo(work, error, ALONE[operation.kind]?.undo)
  const [code, fields] =
    error instanceof AppError ? [error.code, error.fields] : (['STACK_ERROR', []] as const)
  const text = [message, said].filter(Boolean).join(' ')
  // Together: whoever took the operation up between the two would go on with what was undone.
  await em.fork().transactional(async (tx) => {
    if (row) await tx.nativeUpdate(Host, { id: work.host.id }, row)
    if (code === 'AUTHORIZATION_REVOKED') noteRevoked(tx, operation)
    await failWithin(tx, [operation], workerId, code, text, [...fields])
  })
}

/** @returns what became of what was changed already, in words, and what of the host's row goes with it */
async function undo(work: StackWork, error: unknown, action: Undo | undefined): Promise<Undone> {
  try {
    return (await action?.(work, error)) ?? { said: '' }
  } catch (failure) {
    const { log } = work.dependencies
    log.error({ host: work.host.name, err: failure }, 'a failed stack operation could not be undone')
    const said = `What it had changed could not be put back: ${messageOf(failure)}`
    return { said, row: { observation: 'failed', observationDetail: said } }
  }
}
