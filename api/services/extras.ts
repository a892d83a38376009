import { isDeepStrictEqual } from 'node:util'
import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { type HostExtras, type HostSpec, withExtras } from '../../hosts/host-spec.ts'
import { Host } from '../model/host.ts'
import type { Operation } from '../model/operation.ts'
import type { Actor, ServiceContext } from './context.ts'
import { refuseWhileBusy } from './host-operations.ts'
import { queueConverge } from './hosts.ts'
import { addAuditEvent } from './operations.ts'

/** @throws VALIDATION_ERROR where a rule is about a port that the host needs itself */
export function checkExtras({ ports }: HostSpec, { rules }: HostExtras): void {
  const own = Object.values(ports)
  const index = rules.findIndex(({ port }) => own.includes(port))
  if (index < 0) return
  const message = 'is a port of the host itself, which has its own rules'
  const field = `/rules/${index}/port`
  throw new AppError('VALIDATION_ERROR', `${field} ${message}.`, { fields: [{ field, message }] })
}

/**
 * Sets what an engineer adds to a host.
 * @param by whoever is about to bring it to the host by the stack themselves; else the host is converged
 * @throws VALIDATION_ERROR
 */
export async function setExtras(
  { em, queue }: Pick<ServiceContext, 'em' | 'queue'>,
  actor: Actor,
  { id }: Host,
  extras: HostExtras,
  by: string | undefined,
): Promise<Operation | null> {
  return await em.fork().transactional(async (tx) => {
    const host = await tx.findOneOrFail(Host, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    checkExtras(host.spec, extras)
    await refuseWhileBusy(tx, host)
    const spec = withExtras(host.spec, extras)
    if (isDeepStrictEqual(spec, host.spec)) return null
    host.spec = spec
    // It tells versions of our code apart; with other rules it is another one, which the next converge knows.
    host.edgeDigest = null
    addAuditEvent(tx, actor, 'host.extras', id, { ...extras, ...(by === undefined ? {} : { by }) })
    await tx.flush()
    // A machine that has not booted yet is converged when it has.
    return by === undefined && host.ssh ? await queueConverge({ queue }, tx, host) : null
  })
}
