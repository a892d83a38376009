import { setTimeout as sleep } from 'node:timers/promises'
import { Host } from '../api/model/host.ts'
import { Operation } from '../api/model/operation.ts'
import { queueConverge } from '../api/services/hosts.ts'
import { openQueue } from '../api/services/queue.ts'
import { ownerAddress } from '../start/schema.ts'
import type { Service } from '../test/host/service.ts'

/** Milliseconds of a converge operation that finds everything as wanted, from its start to its end. */
export async function measureConverge({ installation, orm, host }: Service): Promise<number> {
  const queue = await openQueue(ownerAddress(installation), { supervise: false })
  try {
    const { id } = await orm.em.fork().transactional(async (tx) => {
      return await queueConverge({ queue }, tx, tx.getReference(Host, host.id))
    })
    for (;;) {
      const operation = await orm.em.fork().findOneOrFail(Operation, { id })
      if (operation.state === 'failed') throw new Error(`converge failed: ${operation.error?.message}`)
      if (operation.state === 'succeeded' && operation.startedAt && operation.finishedAt) {
        return operation.finishedAt.getTime() - operation.startedAt.getTime()
      }
      await sleep(100)
    }
  } finally {
    await queue.close()
  }
}
