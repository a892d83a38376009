import type { EntityManager } from '@mikro-orm/postgresql'
import { FAR_AHEAD_MS } from './claim.ts'
import { HOST_QUEUE } from './kinds.ts'

const AHEAD = 'now() + make_interval(secs => ?)'
const SUPERVISED = ['monitor_claim_on', 'monitor_on', 'maintain_on']
const OF_ALL = ['cron_on', 'bam_on', 'flow_on', 'reindex_on', 'monitor_backoff_on']

/** Those of these columns that lie ahead become now. */
const backToNow = (table: string, columns: readonly string[]): string =>
  `update ${table} set ${columns.map((column) => `${column} = least(${column}, now())`).join(', ')}
   where greatest(${columns.join(', ')}) > ${AHEAD}`

/**
 * Times of the queue that were written while the clock was ahead: until they come, which may take days, a waiting job
 * would not begin, and that of a worker that died would not be missed.
 */
export async function bringTimesBack(em: EntityManager): Promise<void> {
  const seconds = FAR_AHEAD_MS / 1000
  const run = (sql: string, ...values: unknown[]) => em.getConnection().execute(sql, values, 'run')
  await run(
    `update boss.job set start_after = now() where name = ? and state = 'created' and start_after > ${AHEAD}`,
    HOST_QUEUE,
    seconds,
  )
  await run(
    `update boss.job set heartbeat_on = now() where name = ? and state = 'active' and heartbeat_on > ${AHEAD}`,
    HOST_QUEUE,
    seconds,
  )
  await run(backToNow('boss.queue', SUPERVISED), seconds)
  await run(backToNow('boss.version', OF_ALL), seconds)
}
