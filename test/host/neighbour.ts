import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from './service.ts'
import { Session } from './session.ts'

const PAUSE_MS = 50

/**
 * A tenant who has nothing to do with an attack: commits in a loop over one session and logs in anew in another, and
 * notes whatever goes wrong.
 */
export class Neighbour {
  readonly errors: string[] = []
  commits = 0
  logins = 0
  /** The longest that a commit and a new login took, in milliseconds. */
  slowest = { commit: 0, login: 0 }
  readonly #stop = new AbortController()
  #loops: Promise<unknown> = Promise.resolve()

  /** Makes a table of its own in the database and goes on until `stop`. */
  static async watch(database: Answer, ca: string): Promise<Neighbour> {
    const neighbour = new Neighbour()
    const session = await Session.open(database, ca)
    await session.client.query('create table if not exists watched (at timestamptz)')
    neighbour.#loops = Promise.all([
      neighbour
        .#repeat('commit', async () => {
          await session.client.query('insert into watched values (now())')
          neighbour.commits += 1
        })
        .finally(() => session.end()),
      neighbour.#repeat('login', async () => {
        const visitor = await Session.open(database, ca)
        await visitor.client.query('select 1')
        await visitor.end()
        neighbour.logins += 1
      }),
    ])
    return neighbour
  }

  async #repeat(name: 'commit' | 'login', once: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const began = Date.now()
      await once().catch((error: unknown) => this.errors.push(`${name}: ${String(error)}`))
      this.slowest[name] = Math.max(this.slowest[name], Date.now() - began)
      await sleep(PAUSE_MS)
    }
  }

  async stop(): Promise<this> {
    this.#stop.abort()
    await this.#loops
    return this
  }
}
