import { AppError } from '../../../common/errors.ts'
import { powerOn } from '../../../hosts/hcloud/own-things.ts'
import type { CloudSpec } from '../../../hosts/host-spec.ts'
import { type HostDocument, hostDocument } from '../../../stacks/document.ts'
import type { Engine } from '../../../stacks/engine.ts'
import { type CloudOutputs, countOf, type StackStep } from '../../../stacks/protocol.ts'
import { Host } from '../../model/host.ts'
import { readHostContent } from '../../model/host-content.ts'
import { Operation } from '../../model/operation.ts'
import { succeed } from '../finish.ts'
import { check } from './check.ts'
import { untilConverged } from './converged.ts'
import { describeChanges } from './describe-changes.ts'
import { recordRun } from './record.ts'
import {
  changeSpec,
  cloudOf,
  engineOf,
  type Outcome,
  reload,
  run,
  type StackWork,
  type Undone,
} from './work.ts'

/** What is lost with them cannot be had again. */
const PRECIOUS = /^hcloud:index\/(server:Server|volume:Volume|primaryIp:PrimaryIp)$/
const LOSING = ['replace', 'create-replacement', 'delete-replaced', 'delete']

/**
 * Brings machine and volume to their new sizes, and the file system with them. The size is the host's when it was looked
 * into: until then no update for another reason may carry it out.
 */
export async function resize(work: StackWork): Promise<Outcome> {
  const { operations, dependencies } = work
  const [operation] = operations
  if (operation && !operation.result) await change(work, operation)
  if (!(await untilConverged(work))) return 'later'
  await work.journal.written()
  await succeed(dependencies.em, operations, dependencies.workerId, [])
  return 'ended'
}

async function change(work: StackWork, operation: Operation): Promise<void> {
  const { dependencies, operations, journal } = work
  const { em, checkpoint } = dependencies
  const cloud = operation.input?.cloud as CloudSpec
  await check(work, cloud)
  const engine = await engineOf(work)
  const content = await readHostContent(em, work.host.id)
  if (!content?.cloud || !content.access)
    throw new AppError('STACK_ERROR', `${work.host.name} was never bought.`)
  journal.begin(operations, 'resize')
  const wanted = hostDocument({ ...content, cloud: { ...content.cloud, ...cloud } })
  refuseLosses(work, await lossesOf(work, engine, wanted))
  await em.fork().nativeUpdate(Host, { id: work.host.id }, { cloud })
  await reload(work)
  const document = hostDocument((await readHostContent(em, work.host.id)) ?? content)
  const { changes, byHand, outputs } = await run(work, engine, 'update', document, { step: 'resize' })
  await checkpoint('resize-host:resized')
  // Its machine may have been switched off for it.
  dependencies.connections.drop(work.host.id)
  const at = new Date().toISOString()
  const lastRun = { command: 'update', at, changes: countOf(changes), by: operation.id }
  await recordRun(em, work.host, document, lastRun, byHand)
  operation.result = { changes }
  await em.fork().nativeUpdate(Operation, { id: operation.id }, { result: operation.result })
  // Where something was made anew, as was confirmed, it may have other names.
  const { addresses, dataDevice } = outputs as unknown as CloudOutputs
  const ssh = work.host.ssh && { ...work.host.ssh, address: addresses[0] ?? work.host.ssh.address }
  await changeSpec(work, { addresses, dataDevice }, { ssh })
  await journal.end(operations, 'resize', describeChanges(changes))
}

async function lossesOf(work: StackWork, engine: Engine, document: HostDocument): Promise<string[]> {
  const losses = new Set<string>()
  const onStep = ({ operation, type, resource }: StackStep): void => {
    if (PRECIOUS.test(type) && LOSING.includes(operation)) losses.add(resource)
  }
  await run(work, engine, 'preview', document, { step: 'resize', onStep })
  return [...losses]
}

/** @throws CONFIRMATION_REQUIRED where the name of the host was not typed */
function refuseLosses({ host, operations }: StackWork, losses: readonly string[]): void {
  if (losses.length === 0 || operations[0]?.input?.confirm === host.name) return
  throw new AppError(
    'CONFIRMATION_REQUIRED',
    `This would make anew, and so lose, ${losses.join(', ')}. Where that is wanted, repeat it with confirm=${host.name}.`,
  )
}

/**
 * Nobody gets the size that failed at the next update for another reason. What a volume has grown by it keeps: it cannot be
 * made smaller. The provider leaves a machine off whose type could not be changed. What was changed already is not undone.
 */
export async function undoResize(work: StackWork): Promise<Undone> {
  const { operations, host, began } = work
  const [operation] = operations
  const before = operation?.undo?.cloud as CloudSpec | undefined
  if (!before || operation?.result) return { said: operation?.result ? 'The new size is in force.' : '' }
  if (!began) return { said: 'The host is as it was.', row: { cloud: before } }
  const wanted = operation?.input?.cloud as CloudSpec
  const { volumeGb, switchedOn } = await powerOn(cloudOf(work), host.id)
  const said = switchedOn ? ', and its machine, which had been left off, is switched on again' : ''
  return {
    said: `The host is wanted as it was${said}.`,
    row: { cloud: { ...before, volumeGb: Math.max(before.volumeGb, Math.min(volumeGb, wanted.volumeGb)) } },
  }
}
