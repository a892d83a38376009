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
 * @returns whether that has been done, by a converge that this operation asked for; where not, the operation was put off
 * @throws AGENT_ERROR where it failed
 */
export async function untilConverged(work: StackWork): Promise<boolean> {
  const { dependencies, host, operations, journal } = work
  const { em, workerId } = dependencies
  journal.begin(operations, 'configure')
  const converge = await ownConverge(work)
  if (converge.state === 'succeeded') {
    await journal.end(operations, 'configure', 'ready')
    return true
  }
  if (converge.state === 'failed') {
    throw new AppError('AGENT_ERROR', converge.error?.message ?? `${host.name} could not be configured.`)
  }
  const steps = await em.fork().find(OperationStep, { operation: converge.id, state: 'running' })
  const now = steps.map(({ name, detail }) => `${name}${detail ? `: ${detail}` : ''}`).join('; ')
  journal.detail(operations, 'configure', now || 'waiting for the machine')
  await journal.written()
  await putOff(em, operations, workerId, LOOK_AGAIN_MS)
  return false
}

/** One that was asked for earlier may have read what was wanted before. */
function ownConverge({ dependencies, host, operations }: StackWork): Promise<Operation> {
  return dependencies.em.fork().transactional(async (tx) => {
    const own = await tx.findOneOrFail(Operation, { id: operations[0]?.id ?? '' }, { lockMode: 4 })
    const known = typeof own.input?.converge === 'string' ? own.input.converge : undefined
    if (known !== undefined) return await tx.findOneOrFail(Operation, { id: known })
    const made = addOwnOperation(tx, tx.getReference(Host, host.id), 'converge-host')
    await tx.flush()
    own.input = { ...own.input, converge: made.id }
    return made
  })
}
