import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { Instance } from '../model/instance.ts'
import type { Operation } from '../model/operation.ts'
import { Project } from '../model/project.ts'
import type { Actor, ServiceContext } from './context.ts'
import { lockDatabase } from './find-database.ts'
import { queueConverge } from './hosts.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation } from './operations.ts'

/**
 * Asks the host to let the owner of a database in a full instance in for some minutes. Whether it is full, the host
 * alone knows at that moment: where it is not, the operation ends as STORAGE_NOT_FULL.
 */
export async function requestCleanup(
  { em, queue }: ServiceContext,
  actor: Actor,
  id: string,
  minutes: number,
  claim: IdempotencyClaim | undefined,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    const database = await lockDatabase(tx, actor, id)
    if (database.wanted === 'absent') {
      throw new AppError(
        'OPERATION_IN_PROGRESS',
        'This database is being deleted, which makes room by itself.',
      )
    }
    const hostId = database.instance.host.id
    const operation = addOperation(tx, actor, { kind: 'cleanup-login', hostId, database, input: { minutes } })
    // It changes nothing of what is wanted, so there is nothing that a revoked key would have to put back.
    operation.revision = null
    addAuditEvent(tx, actor, 'database.cleanup-login', id, { minutes })
    await tx.flush()
    keepRecord(tx, claim, operation.id)
    await tx.flush()
    await queue.wakeHost(tx, hostId)
    return operation
  })
}

/**
 * Wants more storage for a project on a host; the converge that it queues makes it so while everybody works.
 * @param project id, or a name that one account only has
 * @throws PROJECT_NOT_FOUND, HOST_NOT_FOUND, VALIDATION_ERROR
 */
export async function growProject(
  { em, queue }: Pick<ServiceContext, 'em' | 'queue'>,
  input: { project: string; host: string; bytes: number },
): Promise<{ instance: Instance; operation: Operation }> {
  return await em.fork().transactional(async (tx) => {
    const host = await tx.findOne(Host, { $or: [{ id: input.host }, { name: input.host }], removedAt: null })
    if (!host) throw new AppError('HOST_NOT_FOUND', `There is no host ${input.host}.`)
    const projects = await tx.find(Project, { $or: [{ id: input.project }, { name: input.project }] })
    const [instance, ...others] = await tx.find(
      Instance,
      { host: host.id, project: { $in: projects.map(({ id }) => id) } },
      { lockMode: LockMode.PESSIMISTIC_WRITE, populate: [] },
    )
    if (!instance) {
      throw new AppError('PROJECT_NOT_FOUND', `No project ${input.project} has databases on ${host.name}.`)
    }
    if (others.length > 0) {
      throw refuse(`Several accounts have a project ${input.project} on ${host.name}: give its id.`)
    }
    if (host.spec.tenancy !== 'shared') {
      throw refuse(
        `${host.name} is dedicated: its data volume at /var/lib/pgi is the limit. Make that volume larger on the host.`,
      )
    }
    if (input.bytes < instance.storageBytes) {
      throw refuse(`This project has ${instance.storageBytes} bytes there: storage is never made smaller.`)
    }
    instance.storageBytes = input.bytes
    addAuditEvent(tx, null, 'project.grow', instance.project.id, { host: host.id, bytes: input.bytes })
    await tx.flush()
    return { instance, operation: await queueConverge({ queue }, tx, host) }
  })
}

const refuse = (message: string): AppError => new AppError('VALIDATION_ERROR', message)
