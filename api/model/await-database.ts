import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { messageOf } from '../../common/errors.ts'
import type { DatabaseAddress } from './orm.ts'

const PAUSE_MS = 200
/** A recovery after a crash replays at most `max_wal_size`. */
const DEADLINE_MS = 60_000

/** What passes by itself: PostgreSQL is being started, or stopped to be started again. */
const PASSING = /ECONNREFUSED|ECONNRESET|ENOENT|the database system is|terminat|Connection ended/

/** Waits until the control plane's database takes connections. @throws what stands in the way where that does not pass */
export async function awaitDatabase(address: DatabaseAddress): Promise<void> {
  const end = Date.now() + DEADLINE_MS
  for (;;) {
    const client = new pg.Client(address)
    // An idle client's lost connection is an event of its own and would end this process.
    client.on('error', () => {})
    try {
      await client.connect()
      return
    } catch (error) {
      if (!PASSING.test(messageOf(error)) || Date.now() > end) throw error
      await sleep(PAUSE_MS)
    } finally {
      await client.end().catch(() => {})
    }
  }
}
