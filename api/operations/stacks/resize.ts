import { AppError } from '../../../common/errors.ts'
import { ownVolumeGb, powerOn } from '../../../hosts/hcloud/machine.ts'
import type { CloudSpec } from '../../../hosts/host-spec.ts'
import { hostDocument } from '../../../stacks/document.ts'
import { countOf, type StackStep } from '../../../stacks/protocol.ts'
import { Host } from '../../model/host.ts'
import { readHostContent } from '../../model/host-content.ts'
import { Operation } from '../../model/operation.ts'
import { succeed } from '../finish.ts'
import { check } from './buy.ts'
import { untilConverged } from './converged.ts'
import { recordRun } from './record.ts'
import { describeChanges } from './together.ts'
import { cloudOf, engineOf, type Outcome, run, type StackWork } from './work.ts'

/** What is lost with them cannot be had again. */
const PRECIOUS = /^hcloud:index\/(server:Server|volume:Volume|primaryIp:PrimaryIp)$/
const LOSING = ['replace', 'create-replacement', 'delete-replaced', 'delete']

/** Brings machine and volume to their new sizes, and the file system with them. */
export async function resize(work: StackWork): Promise<Outcome> {
  const { operations, dependencies } = work
  const [operation] = operations
  if (!operation?.result) await change(work)
  if (!(await untilConverged(work))) return 'later'
  await work.journal.written()
  await succeed(dependencies.em, operations, dependencies.workerId, [])
  return 'ended'
}

async function change(work: StackWork): Promise<void> {
  const { dependencies, host, operations, journal } = work
  const { em, checkpoint } = dependencies
  await check(work)
  const engine = await engineOf(work)
  const content = await readHostContent(em, host.id)
  if (!content) throw new AppError('STACK_ERROR', `${host.name} was never bought.`)
  journal.begin(operations, 'resize')
  const document = hostDocument(content)
  await refuseLosses(work, await lossesOf(work, engine, document))
  const { changes, byHand } = await run(work, engine, 'update', document, { step: 'resize' })
  await checkpoint('resize-host:resized')
  // Its machine may have been switched off for it.
  dependencies.connections.drop(host.id)
  const at = new Date().toISOString()
  const lastRun = { command: 'update', at, changes: countOf(changes), by: operations[0]?.id ?? '' }
  await recordRun(em, host, document, lastRun, byHand)
  const ids = operations.map(({ id }) => id)
  await em.fork().nativeUpdate(Operation, { id: { $in: ids } }, { result: { changes } })
  await journal.end(operations, 'resize', describeChanges(changes))
}

async function lossesOf(
  work: StackWork,
  engine: Awaited<ReturnType<typeof engineOf>>,
  document: ReturnType<typeof hostDocument>,
): Promise<string[]> {
  const losses = new Set<string>()
  const onStep = ({ operation, type, resource }: StackStep): void => {
    if (PRECIOUS.test(type) && LOSING.includes(operation)) losses.add(resource)
  }
  await run(work, engine, 'preview', document, { step: 'resize', onStep })
  return [...losses]
}

/** @throws CONFIRMATION_REQUIRED where the name of the host was not typed */
async function refuseLosses({ host, operations }: StackWork, losses: readonly string[]): Promise<void> {
  if (losses.length === 0 || operations[0]?.input?.confirm === host.name) return
  throw new AppError(
    'CONFIRMATION_REQUIRED',
    `This would make anew, and so lose, ${losses.join(', ')}. Where that is wanted, repeat it with confirm=${host.name}.`,
  )
}

/**
 * Nobody gets the size that failed at the next update for another reason; what a volume has grown by, it keeps. The
 * provider leaves a machine off whose type could not be changed.
 * @returns what became of it, in words
 */
export async function undoResize(work: StackWork): Promise<string> {
  const { dependencies, operations, host } = work
  const before = operations[0]?.undo?.cloud as CloudSpec | undefined
  if (!before || !host.cloud) return ''
  const access = cloudOf(work)
  const volumeGb = Math.max(before.volumeGb, await ownVolumeGb(access, host.id))
  await dependencies.em.fork().nativeUpdate(Host, { id: host.id }, { cloud: { ...before, volumeGb } })
  const off = host.cloud.serverType !== before.serverType && (await powerOn(access, host.id))
  return `The host is wanted as it was${off ? ', and its machine, which had been left off, is switched on again' : ''}.`
}
