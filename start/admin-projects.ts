import { InvalidArgumentError } from 'commander'
import { Instance } from '../api/model/instance.ts'
import { growProject } from '../api/services/storage.ts'
import { followOperation } from './follow.ts'
import { Refusal, say } from './say.ts'
import type { HostServices } from './services.ts'

const UNITS: Record<string, number> = { MB: 1000 ** 2, GB: 1000 ** 3, MIB: 1024 ** 2, GIB: 1024 ** 3 }
/** File systems are made of blocks; a size between two is rounded up. */
const BLOCK = 1024 ** 2

/** Bytes of `20GB`, `512MiB`. */
export function readSize(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,6})\s*([KMG]i?B)$/i.exec(text) ?? []
  const factor = UNITS[unit.toUpperCase()]
  if (!amount || !factor) throw new InvalidArgumentError('a size is a number with MB, GB, MiB or GiB: 20GB.')
  return Math.ceil((Number(amount) * factor) / BLOCK) * BLOCK
}

/** Makes the storage of a project on a host larger and shows how. @throws {Refusal} where the host could not */
export async function growStorage(
  services: HostServices,
  project: string,
  { host, size }: { host: string; size: number },
): Promise<void> {
  const { instance, operation } = await growProject(services, { project, host, bytes: size })
  const { state, error } = await followOperation(services.em, operation.id, say)
  if (state === 'failed')
    throw new Refusal(`${host} could not be converged: ${error?.message ?? 'unknown why'}`)
  const { storageLimit } = await services.em.fork().findOneOrFail(Instance, { id: instance.id })
  if (storageLimit != null && storageLimit < size) {
    throw new Refusal(
      `${project} has ${storageLimit} bytes on ${host} still: the step "tenants" above says why.`,
    )
  }
  say(`${project} has ${size} bytes on ${host}`)
}
