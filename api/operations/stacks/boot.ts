import { hostCidr } from '../../../common/cidr.ts'
import { AppError, messageOf } from '../../../common/errors.ts'
import { sh } from '../../../provisioner/shell.ts'
import type { HostConnection } from '../../../provisioner/ssh.ts'
import type { Host } from '../../model/host.ts'
import { OperationStep } from '../../model/operation-step.ts'
import { putOff } from '../claim.ts'
import { changeSpec, type StackWork } from './work.ts'

/** From the purchase until a machine lets us in and has done at its first boot what it was told. */
const BOOT_MS = 8 * 60_000
const LOOK_AGAIN_MS = 2_000

/**
 * Looks whether the first boot is done, and learns from which address the machine sees us. While it is not, the operation
 * is put off: others need its place at the engine.
 * @returns whether it is done
 */
export async function boot(work: StackWork): Promise<boolean> {
  const { dependencies, journal, operations } = work
  journal.begin(operations, 'boot')
  const seconds = await secondsSince(work)
  try {
    const connection = await dependencies.connections.get(work.host)
    const busy = await isBusy(connection)
    if (!busy) return await settle(work, connection)
    await later(work, seconds, `its first boot goes on (${busy})`)
  } catch (error) {
    await later(work, seconds, messageOf(error))
  }
  return false
}

async function settle(work: StackWork, connection: HostConnection): Promise<true> {
  const { journal, operations } = work
  const [seen = ''] = (await connection.run(sh`echo "$SSH_CONNECTION"`)).split(' ')
  const own = hostCidr(seen)
  if (!own) throw new Error(`it does not say from where it is reached: ${seen}`)
  await changeSpec(work, { controlPlane: [own] })
  await journal.end(operations, 'boot', `it sees us as ${seen}`)
  return true
}

/** It may still install what its image is told to; two package managers would wait for each other. */
async function isBusy(connection: HostConnection): Promise<string | undefined> {
  const status = sh`if command -v cloud-init >/dev/null; then cloud-init status || true; else echo 'status: none'; fi`
  const said = (await connection.run(status)).split('\n')[0]?.trim() ?? ''
  return /running|not started/.test(said) ? said : undefined
}

async function later(work: StackWork, seconds: number, why: string): Promise<void> {
  const { dependencies, host, journal, operations } = work
  if (seconds * 1000 > BOOT_MS) throw neverBooted(host, why)
  journal.detail(operations, 'boot', `${seconds} s: ${why}`)
  await journal.written()
  await putOff(dependencies.em, operations, dependencies.workerId, LOOK_AGAIN_MS)
}

/** Since the machine was bought. */
async function secondsSince({ dependencies, operations }: StackWork): Promise<number> {
  const ids = operations.map(({ id }) => id)
  const bought = await dependencies.em
    .fork()
    .findOne(OperationStep, { operation: { $in: ids }, name: 'buy', finishedAt: { $ne: null } })
  return Math.round((Date.now() - (bought?.finishedAt?.getTime() ?? Date.now())) / 1000)
}

const neverBooted = ({ name, spec }: Host, why: string): AppError =>
  new AppError(
    'AGENT_ERROR',
    `The machine of ${name} was bought (${spec.addresses.join(', ')}) and does not let us in: ${why}. Look at its console, or delete the host to give it back.`,
  )
