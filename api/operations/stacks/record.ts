import type { EntityManager } from '@mikro-orm/postgresql'
import { documentDigest, type HostDocument } from '../../../stacks/document.ts'
import type { HandRun } from '../../../stacks/protocol.ts'
import { AuditEvent } from '../../model/audit-event.ts'
import { Host, type HostStack, type StackRun } from '../../model/host.ts'

/** Runs by hand that ended after this time are not known yet. */
export const lastKnown = ({ adoptedAt, byHand }: HostStack): string => byHand?.at ?? adoptedAt

/** Records what a run of ours has made of the stack, and what others did on it before: with who and when. */
export async function recordRun(
  em: EntityManager,
  { id, stack }: Host,
  document: HostDocument,
  lastRun: StackRun,
  handRuns: readonly HandRun[],
): Promise<void> {
  await em.fork().transactional(async (tx) => {
    let byHand = stack?.byHand ?? null
    for (const { kind, result, endedAt, changes } of handRuns.toReversed()) {
      byHand = { command: kind, result, at: endedAt, changes, by: await whoBegan(tx, id, endedAt) }
      tx.create(AuditEvent, {
        ...{ actor: 'platform', action: 'stack.run-by-hand', resource: id, account: null },
        details: { ...byHand },
      })
    }
    const known: HostStack = {
      adoptedAt: stack?.adoptedAt ?? lastRun.at,
      digest: documentDigest(document),
      allow: document.allow,
      ...{ lastRun, byHand },
    }
    await tx.nativeUpdate(Host, { id }, { stack: known })
  })
}

/** What an update is about to close counts as closed from its begin on: an opening again must wait for the next one. */
export async function narrowAllow(em: EntityManager, host: Host, { allow }: HostDocument): Promise<void> {
  if (!host.cloud || !host.stack?.allow) return
  const kept = new Set(allow)
  const stack = { ...host.stack, allow: host.stack.allow.filter((cidr) => kept.has(cidr)) }
  await em.fork().nativeUpdate(Host, { id: host.id }, { stack })
  host.stack = stack
}

/** Every run by hand begins by asking for the host's document. */
async function whoBegan(tx: EntityManager, hostId: string, endedAt: string): Promise<string> {
  const where = { action: 'host.document', resource: hostId, createdAt: { $lte: new Date(endedAt) } }
  const event = await tx.findOne(AuditEvent, where, { orderBy: { createdAt: 'desc' } })
  return String(event?.details.by ?? 'unknown')
}
