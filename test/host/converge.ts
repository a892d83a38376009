import { Host } from '../../api/model/host.ts'
import { queueConverge } from '../../api/services/hosts.ts'
import { openQueue } from '../../api/services/queue.ts'
import { ownerAddress } from '../../start/schema.ts'
import type { RunningService } from './running-service.ts'
import { until } from './until.ts'

/** Converges the host of a service. @returns what its steps said, a line each */
export async function converge({ service }: RunningService): Promise<string> {
  const queue = await openQueue(ownerAddress(service.installation), { supervise: false })
  const { id } = await service.orm.em
    .fork()
    .transactional((tx) => queueConverge({ queue }, tx, tx.getReference(Host, service.host.id)))
  await queue.close()
  let told = ''
  await until('the converge', async () => {
    const { body } = await service.request('GET', `/operations/${id}`)
    const { state, steps } = body as unknown as { state: string; steps: { name: string; detail: string }[] }
    told = [state, ...steps.map(({ name, detail }) => `${name}: ${detail}`)].join('\n')
    return state === 'succeeded' || state === 'failed' || told
  })
  return told
}

/** Keeps this much of the host's disk free; null: the default. Takes force with the converge that it runs. */
export async function setReserve(running: RunningService, diskReserveBytes: number | null): Promise<void> {
  const { orm, host } = running.service
  const em = orm.em.fork()
  const row = await em.findOneOrFail(Host, { id: host.id })
  row.spec = { ...row.spec, diskReserveBytes }
  await em.flush()
  await converge(running)
}
