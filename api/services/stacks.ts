import type { EntityManager } from '@mikro-orm/postgresql'
import { type HostDocument, hostDocument } from '../../stacks/document.ts'
import { Host } from '../model/host.ts'
import { readHostContent } from '../model/host-content.ts'
import { Operation } from '../model/operation.ts'
import type { Actor, ServiceContext } from './context.ts'
import { addAuditEvent, addOperation } from './operations.ts'

type StackContext = Pick<ServiceContext, 'em' | 'queue'>

/** The document of a host; undefined until its machine has booted. */
export async function documentOf(em: EntityManager, { id }: Host): Promise<HostDocument | undefined> {
  const content = await readHostContent(em, id)
  return content && hostDocument(content)
}

/** How long after its begin the end of a run by hand is first looked for, in milliseconds. */
const LOOK_AFTER_MS = 10_000

/** Notes who begins to change the stack of a host by hand, and has the result looked for. */
export async function noteRunByHand(
  { em }: Pick<StackContext, 'em'>,
  actor: Actor,
  host: Host,
  by: string,
): Promise<void> {
  await em.fork().transactional(async (tx) => {
    addAuditEvent(tx, actor, 'host.document', host.id, { by })
    if (!host.stack) return
    const look = addOperation(tx, null, { kind: 'observe-stack', hostId: host.id })
    look.retryAt = new Date(Date.now() + LOOK_AFTER_MS)
  })
}

/** Queues an adoption for each host that has been configured and has no stack. @returns those operations */
export async function adoptHosts({ em, queue }: StackContext): Promise<Operation[]> {
  const hosts = await em
    .fork()
    .find(Host, { removedAt: null, convergedDigest: { $ne: null }, ssh: { $ne: null } })
  const operations: Operation[] = []
  for (const { id, stack } of hosts) {
    if (stack) continue
    operations.push(
      await em.fork().transactional(async (tx) => {
        const host = await tx.findOneOrFail(Host, { id }, { lockMode: 4 })
        const waiting = await tx.findOne(Operation, {
          host: id,
          kind: 'adopt-host',
          state: ['queued', 'running'],
        })
        if (waiting) return waiting
        const operation = addOperation(tx, null, { kind: 'adopt-host', hostId: host.id })
        await tx.flush()
        await queue.wakeStack(tx, host.id)
        return operation
      }),
    )
  }
  return operations
}
