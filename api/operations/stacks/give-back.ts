import { hostDocument } from '../../../stacks/document.ts'
import { Database } from '../../model/database.ts'
import { Host } from '../../model/host.ts'
import { readHostContent } from '../../model/host-content.ts'
import { Instance } from '../../model/instance.ts'
import { succeed } from '../finish.ts'
import { describeChanges } from './together.ts'
import { engineOf, type Outcome, run, type StackWork } from './work.ts'

/** Gives a bought machine back with all that belongs to it; the host is gone when nothing is left to pay for. */
export async function giveBack(work: StackWork): Promise<Outcome> {
  const { dependencies, host, operations, journal } = work
  const { em, workerId, checkpoint, connections } = dependencies
  const engine = await engineOf(work)
  journal.begin(operations, 'give-back')
  const content = await readHostContent(em, host.id)
  if (content) {
    const { changes } = await run(work, engine, 'destroy', hostDocument(content), { step: 'give-back' })
    await checkpoint('give-back-host:given-back')
    await journal.end(operations, 'give-back', describeChanges(changes))
  } else await journal.end(operations, 'give-back', 'nothing had been bought')
  connections.drop(host.id)
  await em.fork().transactional(async (tx) => {
    const rows = await tx.find(Database, { instance: { host: host.id } })
    const used = rows.map(({ instance }) => instance.id)
    await tx.nativeDelete(Instance, { host: host.id, id: { $nin: used } })
    await tx.nativeUpdate(Host, { id: host.id }, { removedAt: new Date(), stack: null })
  })
  await journal.written()
  await succeed(em, operations, workerId, [])
  return 'ended'
}

/** It is the owner's again, with everything that could not be given back. */
export async function keepAfterAll({ dependencies, host }: StackWork): Promise<string> {
  await dependencies.em.fork().nativeUpdate(Host, { id: host.id }, { givenBackAt: null })
  return 'The host stays, with what could not be given back: delete it again.'
}
