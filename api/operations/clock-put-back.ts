import type { EntityManager } from '@mikro-orm/postgresql'
import { FAR_AHEAD_MS } from './claim.ts'

/** Times of the queue: table, columns, and which of its rows. */
const STAMPS: [table: string, columns: string[], where: string][] = [
  ['boss.job', ['start_after'], `state = 'created'`],
  ['boss.job', ['heartbeat_on'], `state = 'active'`],
  ['boss.queue', ['monitor_claim_on', 'monitor_on', 'maintain_on'], 'true'],
  ['boss.version', ['cron_on', 'bam_on', 'flow_on', 'reindex_on', 'monitor_backoff_on'], 'true'],
]

/**
 * Brings to now what was written while the clock was ahead: until those times come, which may take days, a waiting job
 * would not begin, and that of a worker that died would not be missed.
 */
export async function bringTimesBack(em: EntityManager): Promise<void> {
  for (const [table, columns, where] of STAMPS) {
    const set = columns.map((column) => `${column} = least(${column}, now())`)
    const sql = `update ${table} set ${set.join(', ')}
      where ${where} and greatest(${columns.join(', ')}) > now() + make_interval(secs => ?)`
    await em.getConnection().execute(sql, [FAR_AHEAD_MS / 1000], 'run')
  }
}
