import { Host } from '../../model/host.ts'
import { readHostContent } from '../../model/host-content.ts'
import { removeUnusedInstances } from '../../model/unused-instances.ts'
import { succeedWithin } from '../finish.ts'
import { describeChanges } from './describe-changes.ts'
import { destroyAll } from './destroy-all.ts'
import type { Outcome, StackWork, Undone } from './work.ts'

/** Gives a bought machine back with all that belongs to it; the host is gone when nothing is left to pay for. */
export async function giveBack(work: StackWork): Promise<Outcome> {
  const { dependencies, host, operations, journal } = work
  const { em, workerId, checkpoint, connections } = dependencies
  const content = await readHostContent(em, host.id)
  if (content && !host.removedAt) {
    const changes = await destroyAll(work, content, 'give-back')
    await checkpoint('give-back-host:given-back')
    await journal.end(operations, 'give-back', describeChanges(changes))
  } else await journal.end(operations, 'give-back', 'nothing was there')
  connections.drop(host.id)
  await journal.written()
  // Together: a later host may bear the name as soon as this one is gone, and must not be given back in its place.
  await em.fork().transactional(async (tx) => {
    await removeUnusedInstances(tx, host.id)
    await tx.nativeUpdate(Host, { id: host.id }, { removedAt: new Date(), stack: null })
    await succeedWithin(tx, operations, workerId)
  })
  return 'ended'
}

/** Where nothing was given back yet the host stays as it was; else it only waits for the rest to go. */
export async function keepAfterAll({ began }: StackWork, error: unknown): Promise<Undone> {
  if (!began) return { said: 'The host stays as it was.', row: { givenBackAt: null } }
  return {
    said: 'What was not given back yet stays, and takes no database: delete the host again.',
    row: { observation: 'failed', observationDetail: String((error as Error).message) },
  }
}
