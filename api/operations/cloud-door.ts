import type { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { putOff } from './claim.ts'
import { fail } from './finish.ts'
import type { OperationKind } from './kinds.ts'
import type { TenantBatch } from './tenant-batch.ts'
import type { TenantRow } from './wanted.ts'

const LOOK_AGAIN_MS = 500

/** An opening for which the cloud's firewall does not open within this time fails; it stays wanted. */
const PATIENCE_MS = 5 * 60_000

/** Does the firewall that stands in front of the host let all of these in? Only bought hosts have one. */
export function isOpenInCloud(
  { cloud, stack }: Pick<Host, 'cloud' | 'stack'>,
  rules: readonly string[],
): boolean {
  if (!cloud) return true
  const open = new Set(stack?.allow)
  return rules.every((rule) => open.has(rule))
}

/** Only what opens waits for it: a new password is in force without. */
const OPENING: readonly OperationKind[] = ['create-database', 'set-allowlist']

/**
 * Takes what opens these databases out of the pass until the stack's update has opened the cloud's firewall. What it had
 * to close is closed, and is not closed again at each look.
 */
export async function awaitCloud(batch: TenantBatch, rows: readonly TenantRow[]): Promise<void> {
  const operations = batch.of(rows).filter(({ kind }) => OPENING.includes(kind))
  if (operations.length === 0) return
  const { em, workerId } = batch.dependencies
  const isLate = ({ createdAt }: Operation): boolean => Date.now() - createdAt.getTime() > PATIENCE_MS
  const waiting = operations.filter((operation) => !isLate(operation))
  const late = operations.filter(isLate)
  batch.journal.detail(waiting, 'verify', 'waiting for the firewall of the cloud')
  await batch.journal.written()
  for (const { id, input } of waiting)
    await em.fork().nativeUpdate(Operation, { id }, { input: { ...input, closed: true } })
  await putOff(em, waiting, workerId, LOOK_AGAIN_MS)
  if (late.length > 0) await fail(em, late, workerId, 'STACK_ERROR', await whyShut(batch))
  batch.live = batch.live.filter((operation) => !operations.includes(operation))
}

async function whyShut({ dependencies, host }: TenantBatch): Promise<string> {
  const failed = await dependencies.em
    .fork()
    .findOne(Operation, { host: host.id, kind: 'update-stack', state: 'failed' }, { orderBy: { id: 'desc' } })
  const why = dependencies.hasEngine()
    ? (failed?.error?.message ?? 'the update of the stack has not ended')
    : 'no Pulumi engine is known, npm run doctor says what is missing'
  return `The firewall of the cloud does not let the new addresses in yet: ${why}. They stay wanted.`
}
