import { AppError } from '../../../common/errors.ts'
import type { HostAccess } from '../../../hosts/host-spec.ts'
import { hostDocument } from '../../../stacks/document.ts'
import { type CloudOutputs, countOf } from '../../../stacks/protocol.ts'
import { type HostContent, readHostContent } from '../../model/host-content.ts'
import { succeed } from '../finish.ts'
import { makeHostKeys } from '../host-keys.ts'
import { boot } from './boot.ts'
import { check } from './check.ts'
import { untilConverged } from './converged.ts'
import { describeChanges } from './describe-changes.ts'
import { destroyAll } from './destroy-all.ts'
import { noteBought } from './noted-bought.ts'
import { recordRun } from './record.ts'
import { changeSpec, engineOf, type Outcome, reload, run, type StackWork, type Undone } from './work.ts'

/**
 * Buys the machine of a host and makes it ready: each part is done when its trace stands in the host's row, so whoever
 * takes this up goes on where it ended. The edge is the stack's when the machine was configured for the first time.
 */
export async function buy(work: StackWork): Promise<Outcome> {
  // Its undoing was cut short, or another worker did it.
  if (work.host.removedAt) throw new AppError('STACK_ERROR', 'This purchase was given up before.')
  if (!work.host.ssh) await purchase(work)
  if (work.host.spec.controlPlane.length === 0 && !(await boot(work))) return 'later'
  if (!(await untilConverged(work))) return 'later'
  return await takeOver(work)
}

async function purchase(work: StackWork): Promise<void> {
  const { dependencies, access, host, journal, operations } = work
  const { em, boxKey, checkpoint } = dependencies
  if (!host.cloud) throw new Error(`${host.name} is none that is bought`)
  await check(work, host.cloud)
  const engine = await engineOf(work)
  await makeHostKeys(em, boxKey, host, access.installation)
  await reload(work)
  const content = await readContent(work)
  journal.begin(operations, 'buy')
  noteBought(access, host)
  const document = hostDocument({ ...content, access: null })
  const { changes, outputs } = await run(work, engine, 'update', document, { step: 'buy' })
  await checkpoint('buy-host:bought')
  const { addresses, dataDevice } = outputs as unknown as CloudOutputs
  const ssh: HostAccess = {
    ...{ address: addresses[0] ?? '', port: content.spec.ports.ssh, user: 'root' },
    hostKey: content.cloud?.hostKey ?? '',
  }
  await changeSpec(work, { addresses, dataDevice }, { ssh })
  await journal.end(operations, 'buy', describeChanges(changes))
}

async function readContent({ dependencies, host }: StackWork): Promise<HostContent> {
  const content = await readHostContent(dependencies.em, host.id)
  if (!content) throw new Error(`the keys of ${host.name} are missing`)
  return content
}

/** The edge becomes the stack's: what the converge has made is recorded, nothing is changed. */
async function takeOver(work: StackWork): Promise<Outcome> {
  const { dependencies, operations, journal } = work
  const { em, workerId, checkpoint } = dependencies
  await reload(work)
  const engine = await engineOf(work)
  journal.begin(operations, 'edge')
  const document = hostDocument(await readContent(work))
  const { changes, byHand } = await run(work, engine, 'adopt', document, { step: 'edge' })
  await checkpoint('buy-host:taken-over')
  const by = operations[0]?.id ?? ''
  const lastRun = { command: 'adopt', at: new Date().toISOString(), changes: countOf(changes), by }
  await recordRun(em, work.host, document, lastRun, byHand)
  await journal.end(operations, 'edge', describeChanges(changes))
  await journal.written()
  await succeed(em, operations, workerId, [])
  return 'ended'
}

/**
 * What was bought before it failed costs money and is of no use: it is given back, and the name is free again. A machine
 * that runs stays for whoever wants to look at it, unless its buyer may not have it.
 */
export async function undoPurchase(work: StackWork, error: unknown): Promise<Undone> {
  await reload(work)
  const unwanted = error instanceof AppError && error.code === 'AUTHORIZATION_REVOKED'
  if (work.host.ssh && !unwanted) {
    const row = { observation: 'unreachable', observationDetail: String((error as Error).message) } as const
    return { said: '', ...(work.host.observation === 'never' ? { row } : {}) }
  }
  if (work.host.cloudIdentity) await destroyAll(work, await readContent(work), 'buy')
  const said = work.host.cloudIdentity ? 'What had been bought for it was given back.' : ''
  return { said, row: { removedAt: new Date(), stack: null } }
}
