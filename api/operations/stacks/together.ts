import { documentDigest, type HostDocument, hostDocument } from '../../../stacks/document.ts'
import { countOf, type StackCommand } from '../../../stacks/protocol.ts'
import type { Host } from '../../model/host.ts'
import { readHostContent } from '../../model/host-content.ts'
import { Operation } from '../../model/operation.ts'
import { putOff } from '../claim.ts'
import { succeed } from '../finish.ts'
import { describeChanges } from './describe-changes.ts'
import { narrowAllow, recordRun } from './record.ts'
import { engineOf, type Outcome, run, type StackWork } from './work.ts'

/** A run by hand is looked for this often, and for this long. */
const LOOK_AGAIN_MS = 15_000
const HAND_RUN_MS = 3 * 60_000

/** Last steps of the kinds; one run serves all that wait. */
const RUN_STEPS = ['adopt', 'update', 'observe', 'forget'] as const

/** One run of the engine for all operations that only want the stack to be as the rows are. */
export async function runTogether(work: StackWork): Promise<Outcome> {
  const { dependencies, host, operations, journal } = work
  const { em, workerId, checkpoint } = dependencies
  const engine = await engineOf(work)
  const content = await readHostContent(em, host.id)
  if (!content) {
    await succeed(em, operations, workerId, [])
    return 'ended'
  }
  const document = hostDocument(content)
  const observes = operations.every(({ kind }) => kind === 'observe-stack')
  const current = host.stack?.digest === documentDigest(document)
  const command = commandFor(host, observes && current)
  for (const step of RUN_STEPS) journal.begin(operations, step)
  if (command === 'update') {
    await noteDocument(work, document)
    await narrowAllow(em, host, document)
  }
  const { changes, byHand } = await run(work, engine, command, document, { step: command })
  await checkpoint('stack:ran')
  if (command === 'observe' && byHand.length === 0 && operations.some(mayStillRun)) {
    await putOff(em, operations, workerId, LOOK_AGAIN_MS)
    return 'later'
  }
  for (const step of RUN_STEPS) await journal.end(operations, step, describeChanges(changes))
  await journal.written()
  const at = new Date().toISOString()
  const ours = { command, at, changes: countOf(changes), by: operations[0]?.id ?? '' }
  const lastRun = command === 'observe' ? host.stack?.lastRun : ours
  if (lastRun && command !== 'forget') await recordRun(em, host, document, lastRun, byHand)
  await succeed(em, operations, workerId, [])
  return 'ended'
}

/** Whoever would ask for another update sees that this one brings the same. */
async function noteDocument({ dependencies, operations }: StackWork, document: HostDocument): Promise<void> {
  const digest = documentDigest(document)
  for (const { id, input, attempts } of operations)
    await dependencies.em
      .fork()
      .nativeUpdate(Operation, { id }, { input: { ...input, brings: { digest, attempts } } })
}

function commandFor({ removedAt, stack }: Host, observes: boolean): StackCommand {
  if (removedAt) return 'forget'
  if (!stack) return 'adopt'
  return observes ? 'observe' : 'update'
}

/** Nobody knows how long somebody takes; after this time what comes later is seen by the next update. */
const mayStillRun = ({ createdAt }: Operation): boolean => Date.now() - createdAt.getTime() < HAND_RUN_MS
