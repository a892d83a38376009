import { Instance } from '../../api/model/instance.ts'
import type { Service } from '../../test/host/service.ts'
import { create, newNetwork } from '../create.ts'
import { floor } from '../floor.ts'
import { median } from '../median.ts'
import { timed } from './edge-update.ts'

/** Medians in milliseconds of creating a database for a new address. */
export interface ManagedCreates {
  floorMs: number
  /** One update of the stack, for which such a create waits; null: it waits for none. */
  updateMs: number | null
  createMs: number
  /** Of the create to floor and update together. */
  ratio: number
}

/**
 * Compares them in turns, each beginning when nothing of the one before goes on.
 * @param settled waits for the service's own updates @param update one that opens for a new network
 */
export async function measureManagedCreates(
  service: Service,
  rounds: number,
  settled: () => Promise<unknown>,
  update?: (network: string) => Promise<unknown>,
): Promise<ManagedCreates> {
  // Makes the instance; what the allowlist is by itself, the control plane cannot say of every host.
  await create(service, [newNetwork()])
  const { name } = await service.orm.em.fork().findOneOrFail(Instance, { host: service.host.id })
  const [floors, updates, creates]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    await settled()
    floors.push(await floor(service, name, [newNetwork()]))
    if (update) updates.push(await timed(() => update(newNetwork())))
    creates.push(await create(service, [newNetwork()]))
  }
  const [floorMs, createMs] = [median(floors), median(creates)]
  const updateMs = update ? median(updates) : null
  return { floorMs, updateMs, createMs, ratio: createMs / (floorMs + (updateMs ?? 0)) }
}
