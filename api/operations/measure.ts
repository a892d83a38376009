import { messageOf } from '../../common/errors.ts'
import { readFailedLogins } from '../../provisioner/tenants/logins.ts'
import { measureStorage } from '../../provisioner/tenants/storage.ts'
import { Host } from '../model/host.ts'
import type { PassDependencies } from './dependencies.ts'
import { recordFailedLogins } from './logins-record.ts'
import { recordMeasured } from './storage-record.ts'

const LOOK_MS = 5_000

/** A host is measured once a minute; more often while one of its instances is short of room. */
const MEASURE_SECONDS = 60
const SHORT_SECONDS = 10

/** After a host did not answer, in milliseconds: passes find out by themselves when it does. */
const PAUSE_MS = 60_000

const DUE = `
  select i.host_id as id from instance i join host h on h.id = i.host_id
  where h.removed_at is null and h.converged_digest is not null and h.observation = 'ready'
    and exists (select from database d where d.instance_id = i.id and d.deleted_at is null and d.observed_revision > 0)
  group by i.host_id
  having coalesce(min(i.storage_measured_at), '-infinity') < now() - make_interval(secs =>
    case when bool_and(coalesce(i.storage_state, 'ok') = 'ok') then ?::int else ?::int end)`

/** Measures how full hosts are and who failed to log in there, beside the passes; reads only. @returns a function that ends it */
export function startMeasuring(dependencies: PassDependencies): () => Promise<void> {
  const pauses = new Map<string, number>()
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running
      .then(() => measureDue(dependencies, pauses))
      .catch((error: unknown) => dependencies.log.error({ reason: messageOf(error) }, 'measuring failed'))
  }, LOOK_MS)
  return async () => {
    clearInterval(timer)
    await running
  }
}

async function measureDue(dependencies: PassDependencies, pauses: Map<string, number>): Promise<void> {
  const { em, connections, log } = dependencies
  const due: { id: string }[] = await em.fork().getConnection().execute(DUE, [MEASURE_SECONDS, SHORT_SECONDS])
  const awake = due.filter(({ id }) => (pauses.get(id) ?? 0) < Date.now())
  const measure = async (id: string): Promise<void> => {
    // Paused beforehand as well: an instance that is gone from its host is never measured, and must not be asked for
    // at each look.
    pauses.set(id, Date.now() + SHORT_SECONDS * 1000)
    const host = await em.fork().findOneOrFail(Host, { id })
    const connection = await connections.get(host)
    await recordMeasured(em, id, await measureStorage(connection))
    await recordFailedLogins(em, id, await readFailedLogins(connection))
  }
  await Promise.all(
    awake.map(({ id }) =>
      measure(id).catch((error: unknown) => {
        pauses.set(id, Date.now() + PAUSE_MS)
        log.warn({ host: id, reason: messageOf(error) }, 'a host could not be measured')
      }),
    ),
  )
}
