import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '../../common/errors.ts'
import { HostError } from '../../provisioner/ssh.ts'
import { documentDigest, hostDocument } from '../../stacks/document.ts'
import { Host, type HostObservation } from '../model/host.ts'
import { type HostContent, readHostContent } from '../model/host-content.ts'
import { Operation } from '../model/operation.ts'
import { revoke, revokedOperations } from './authority.ts'
import { claimOperations } from './claim.ts'
import { isOpenInCloud } from './cloud-door.ts'
import type { PassDependencies } from './dependencies.ts'
import { ClaimLost, succeed } from './finish.ts'
import { configurationDigest, convergeHost, isStackManaged, recordUpdates } from './host-phase.ts'
import { addOwnOperation } from './own-operations.ts'
import { endOrRetry, isPatient, TenantBatch } from './tenant-batch.ts'
import { runTenantsPhase } from './tenants-phase.ts'

/**
 * Serves every operation that waits for this host, and those that arrive meanwhile, until none is due. The queue
 * sees to it that a host has one pass at a time.
 */
export async function runPass(
  dependencies: PassDependencies,
  hostId: string,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const claimed = await claimOperations(dependencies.em, hostId, dependencies.workerId)
    if (claimed.length === 0) return
    await dependencies.checkpoint('claimed')
    await serve(dependencies, hostId, claimed)
    await dependencies.checkpoint('finished')
  }
}

async function serve(dependencies: PassDependencies, hostId: string, claimed: Operation[]): Promise<void> {
  const { em, workerId, connections } = dependencies
  const host = await em.fork().findOneOrFail(Host, { id: hostId })
  let batch: TenantBatch | undefined
  let operations = claimed
  try {
    const revoked = await revokedOperations(em, claimed)
    for (const operation of revoked) await revoke(em, operation, workerId)
    operations = claimed.filter((operation) => !revoked.includes(operation))
    batch = new TenantBatch(dependencies, host, await connections.get(host), operations)
    await carryOut(batch)
  } catch (error) {
    if (error instanceof ClaimLost) return dependencies.log.warn({ host: host.name }, error.message)
    const lost = error instanceof HostError && error.kind !== 'exit'
    if (lost) connections.drop(hostId)
    const reason = messageOf(error)
    dependencies.log.error({ host: host.name, err: error }, 'pass failed')
    await observe(dependencies, host, lost ? 'unreachable' : 'failed', reason)
    const left = batch?.live ?? operations
    // Another host key or a refused one is for a person to mend: who waits for an answer gets it now.
    const hopeless = error instanceof HostError && ['host-key', 'auth'].includes(error.kind)
    await endOrRetry(dependencies, left.filter(isPatient), reason, true)
    await endOrRetry(
      dependencies,
      left.filter((operation) => !isPatient(operation)),
      reason,
      !hopeless,
    )
  }
}

async function carryOut(batch: TenantBatch): Promise<void> {
  const { host, live, dependencies } = batch
  const converging = live.filter((operation) => operation.kind === 'converge-host')
  batch.journal.begin(converging, 'connect')
  // After a pass that failed on the host itself, what is wrong there is mended before anything else is tried.
  const doubtful = host.observation === 'failed' || host.convergedDigest !== configurationDigest(host.spec)
  const converges = converging.length > 0 || doubtful
  if (converges) await convergeHost(batch)
  await runTenantsPhase(batch, converging.length > 0)
  if (converges) await recordUpdates(batch)
  await batch.journal.end(converging, 'observe')
  await batch.journal.written()
  await observe(dependencies, host, 'ready', null)
  await succeed(dependencies.em, converging, dependencies.workerId, [])
  if (isStackManaged(batch)) await queueStackUpdate(batch, converges)
}

/**
 * Lets the stack record what the pass has changed, and compare the edge where the host was converged. Nobody waits for
 * it. What waits already begins with the document as it is then.
 */
async function queueStackUpdate({ dependencies, host }: TenantBatch, converged: boolean): Promise<void> {
  const { em } = dependencies
  const content = await readHostContent(em, host.id)
  if (!content) return
  const digest = documentDigest(hostDocument(content))
  // One that ends meanwhile is seen by what it has recorded.
  const running = await em.fork().find(Operation, { host: host.id, kind: 'update-stack', state: 'running' })
  // Read anew: an update that began before this pass may have ended since.
  const { stack } = await em.fork().findOneOrFail(Host, { id: host.id })
  const isBrought = running.some(({ input, attempts }) =>
    isDeepStrictEqual(input?.brings, { digest, attempts }),
  )
  const isKnown = digest === stack?.digest && !isBehind(content, stack)
  if (!converged && (isBrought || isKnown)) return
  await em.fork().transactional(async (tx) => {
    const input = converged ? { refresh: true } : null
    const waiting = await tx.findOne(Operation, { host: host.id, kind: 'update-stack', state: 'queued' })
    if (!waiting) addOwnOperation(tx, tx.getReference(Host, host.id), 'update-stack', input)
    else if (input) waiting.input = input
  })
}

/** While an update closes the cloud's firewall, what was opened again meanwhile has to follow. */
const isBehind = ({ cloud, allow }: HostContent, stack: Host['stack']): boolean =>
  cloud !== null && !isOpenInCloud({ cloud, stack }, allow)

async function observe(
  { em }: PassDependencies,
  host: Host,
  observation: HostObservation,
  observationDetail: string | null,
): Promise<void> {
  // An unreachable host keeps the time at which it was last seen.
  const seen = observation === 'unreachable' ? {} : { observedAt: new Date() }
  await em.fork().nativeUpdate(Host, { id: host.id }, { observation, observationDetail, ...seen })
}
