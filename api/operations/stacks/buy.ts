import { setTimeout as sleep } from 'node:timers/promises'
import { hostCidr } from '../../../common/cidr.ts'
import { AppError, messageOf } from '../../../common/errors.ts'
import { preflight } from '../../../hosts/hcloud/preflight.ts'
import type { HostAccess } from '../../../hosts/host-spec.ts'
import { sh } from '../../../provisioner/shell.ts'
import type { HostConnection } from '../../../provisioner/ssh.ts'
import { hostDocument } from '../../../stacks/document.ts'
import { type CloudOutputs, countOf } from '../../../stacks/protocol.ts'
import { Host } from '../../model/host.ts'
import { type HostContent, readHostContent } from '../../model/host-content.ts'
import { succeed } from '../finish.ts'
import { makeHostKeys } from '../host-keys.ts'
import { untilConverged } from './converged.ts'
import { recordRun } from './record.ts'
import { describeChanges } from './together.ts'
import { cloudOf, engineOf, type Outcome, run, type StackWork } from './work.ts'

/** From the purchase until a machine lets us in, and until its first boot has done what it was told. */
const BOOT_MS = 5 * 60_000
const LOOK_MS = 2_000
const SETTLE_MS = 3 * 60_000

/**
 * Buys the machine of a host and makes it ready: each part is done when its trace stands in the host's row, so whoever
 * takes this up goes on where it ended. The edge is the stack's when the machine was configured for the first time.
 */
export async function buy(work: StackWork): Promise<Outcome> {
  if (!work.host.ssh) await purchase(work)
  if (work.host.spec.controlPlane.length === 0) await boot(work)
  if (!(await untilConverged(work))) return 'later'
  return await takeOver(work)
}

async function reload(work: StackWork): Promise<void> {
  work.host = await work.dependencies.em.fork().findOneOrFail(Host, { id: work.host.id })
}

/** @throws VALIDATION_ERROR where the provider would refuse, before anything is bought */
export async function check(work: StackWork, cloud = work.host.cloud): Promise<void> {
  const { journal, operations } = work
  journal.begin(operations, 'check')
  const problems = cloud ? await preflight(cloudOf(work), cloud, work.host.id) : []
  const [first] = problems
  if (first) throw new AppError('VALIDATION_ERROR', first.message, { fields: problems })
  await journal.end(operations, 'check')
}

async function purchase(work: StackWork): Promise<void> {
  const { dependencies, access, journal, operations } = work
  const { em, boxKey, checkpoint } = dependencies
  await check(work)
  const engine = await engineOf(work)
  await makeHostKeys(em, boxKey, work.host, access.installation)
  await reload(work)
  const content = await readContent(work)
  journal.begin(operations, 'buy')
  const document = hostDocument({ ...content, access: null })
  const { changes, outputs } = await run(work, engine, 'update', document, { step: 'buy' })
  await checkpoint('buy-host:bought')
  const { addresses, dataDevice } = outputs as unknown as CloudOutputs
  const ssh: HostAccess = {
    ...{ address: addresses[0] ?? '', port: content.spec.ports.ssh, user: 'root' },
    hostKey: content.cloud?.hostKey ?? '',
  }
  const spec = { ...content.spec, addresses, dataDevice }
  await em.fork().nativeUpdate(Host, { id: content.id }, { spec, ssh })
  await journal.end(operations, 'buy', describeChanges(changes))
  await reload(work)
}

async function readContent({ dependencies, host }: StackWork): Promise<HostContent> {
  const content = await readHostContent(dependencies.em, host.id)
  if (!content) throw new Error(`the keys of ${host.name} are missing`)
  return content
}

/** Waits for the first boot, and learns from which address the machine sees us. */
async function boot(work: StackWork): Promise<void> {
  const { dependencies, host, journal, operations } = work
  journal.begin(operations, 'boot')
  const connection = await connected(work)
  // It may still install what its image is told to; two package managers would wait for each other.
  await connection.run(
    sh`if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null; fi || true`,
    {
      deadlineMs: SETTLE_MS,
    },
  )
  const [seen = ''] = (await connection.run(sh`echo "$SSH_CONNECTION"`)).split(' ')
  const own = hostCidr(seen)
  if (!own) throw new Error(`${host.name} does not say from where it is reached: ${seen}`)
  const spec = { ...host.spec, controlPlane: [own] }
  await dependencies.em.fork().nativeUpdate(Host, { id: host.id }, { spec })
  await journal.end(operations, 'boot', `it sees us as ${seen}`)
  await reload(work)
}

async function connected({ dependencies, host, journal, operations }: StackWork): Promise<HostConnection> {
  const began = Date.now()
  for (;;) {
    try {
      return await dependencies.connections.get(host)
    } catch (error) {
      const seconds = Math.round((Date.now() - began) / 1000)
      if (Date.now() - began > BOOT_MS) throw neverBooted(host, messageOf(error))
      journal.detail(operations, 'boot', `no answer after ${seconds} s: ${messageOf(error)}`)
      await sleep(LOOK_MS)
    }
  }
}

const neverBooted = ({ name, spec }: Host, why: string): AppError =>
  new AppError(
    'AGENT_ERROR',
    `The machine of ${name} was bought (${spec.addresses.join(', ')}) and does not let us in: ${why}. Look at its console, or delete the host to give it back.`,
  )

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
 * What was bought before it failed costs money and is of no use: it is given back, and the name is free again.
 * @returns what became of it, in words
 */
export async function undoPurchase(work: StackWork): Promise<string> {
  const { em } = work.dependencies
  await reload(work)
  if (work.host.ssh) return ''
  const begun = work.host.cloudIdentity !== null
  if (begun) {
    const engine = await engineOf(work)
    const document = hostDocument(await readContent(work))
    await run(work, engine, 'destroy', document, { step: 'buy' })
  }
  await em.fork().nativeUpdate(Host, { id: work.host.id }, { removedAt: new Date() })
  return begun ? 'What had been bought for it was given back.' : ''
}
