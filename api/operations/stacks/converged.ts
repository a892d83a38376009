import { AppError } from '../../../common/errors.ts'
import { Host } from '../../model/host.ts'
import { Operation } from '../../model/operation.ts'
import { OperationStep } from '../../model/operation-step.ts'
import { putOff } from '../claim.ts'
import { addOwnOperation } from '../own-operations.ts'
import type { StackWork } from './work.ts'

const LOOK_AGAIN_MS = 1_500

/**
 * Lets a pass bring the host to what is wanted, for an operation of the stack whose step `configure` it is.
 * @returns whether that has been done since the operation began; where not, the operation was put off
 * @throws AGENT_ERROR where it failed
 */
export async function untilConverged({
  dependencies,
  host,
  operations,
  journal,
}: StackWork): Promise<boolean> {
  const { em, workerId } = dependencies
  journal.begin(operations, 'configure')
  const converge = await em.fork().transactional(async (tx) => {
    const row = await tx.findOneOrFail(Host, { id: host.id }, { lockMode: 4 })
    const since = new Date(Math.min(...operations.map(({ createdAt }) => createdAt.getTime())))
    const where = { host: host.id, kind: 'converge-host', createdAt: { $gte: since } } as const
    const found = await tx.findOne(Operation, where, { orderBy: { createdAt: 'desc' } })
    if (!found) addOwnOperation(tx, row, 'converge-host')
    return found
  })
  if (converge?.state === 'succeeded') {
    await journal.end(operations, 'configure', 'ready')
    return true
  }
  if (converge?.state === 'failed') {
    throw new AppError('AGENT_ERROR', converge.error?.message ?? `${host.name} could not be configured.`)
  }
  if (converge) {
    const steps = await em.fork().find(OperationStep, { operation: converge.id, state: 'running' })
    const now = steps.map(({ name, detail }) => `${name}${detail ? `: ${detail}` : ''}`).join('; ')
    journal.detail(operations, 'configure', now || 'waiting for the machine')
  }
  await journal.written()
  await putOff(em, operations, workerId, LOOK_AGAIN_MS)
  return false
}
