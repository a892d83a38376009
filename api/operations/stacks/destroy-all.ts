import { AppError } from '../../../common/errors.ts'
import { ownThings, removeThings } from '../../../hosts/hcloud/own-things.ts'
import { hostDocument } from '../../../stacks/document.ts'
import type { ChangeSummary } from '../../../stacks/protocol.ts'
import type { HostContent } from '../../model/host-content.ts'
import { Operation } from '../../model/operation.ts'
import { nothingThere } from './missing.ts'
import { forgetBought } from './noted-bought.ts'
import { cloudOf, engineOf, run, type StackWork } from './work.ts'

/**
 * Gives everything back that was bought for a host. What the stack never learnt of, because an answer was lost, bears the
 * host's label and goes as well.
 * @param step of the operations that shows it
 * @throws STACK_ERROR where the project of the token does not hold the host, or something stays
 */
export async function destroyAll(
  work: StackWork,
  content: HostContent,
  step: string,
): Promise<ChangeSummary> {
  const { access, dependencies, host, journal, operations } = work
  const [operation] = operations
  // An attempt that died behind it has done it all.
  if (operation?.input?.destroyed === true) return {}
  const cloud = cloudOf(work)
  // Else a token of another project would find nothing to give back, and the state that knows of it would go.
  if (host.ssh && (await ownThings(cloud, host.id)).length === 0) throw nothingThere(host.name)
  const engine = await engineOf(work)
  journal.begin(operations, step)
  // Its edge goes with the machine: nobody has to log in for that, or to have the same version of us.
  const document = hostDocument({ ...content, access: null, edgeDigest: null })
  const undoing = step !== 'give-back'
  // Of a purchase that failed the stack may not know everything, and what it does not know may use what it knows.
  if (undoing) await removeThings(cloud, host.id)
  const { changes } = await run(work, engine, 'destroy', document, { step, undoing })
  const left = await removeThings(cloud, host.id)
  if (left.length > 0)
    throw new AppError(
      'STACK_ERROR',
      `At Hetzner Cloud there is still, and costs money: ${left.map(({ kind, name }) => `${name} (${kind})`).join(', ')}. Look there why, then delete the host again.`,
    )
  if (operation) {
    const input = { ...operation.input, destroyed: true }
    await dependencies.em.fork().nativeUpdate(Operation, { id: operation.id }, { input })
  }
  forgetBought(access, host)
  return changes
}
