import { messageOf } from '../common/errors.ts'
import { say } from './say.ts'

/** One press of Ctrl-C reaches this process several times: from the terminal and from each parent that passes it on. */
const SAME_PRESS_MS = 1000

/** Why a step ended early: somebody asked this command to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

interface Part {
  name: string
  stop: () => Promise<void>
  /** Ends it at once. */
  kill: () => void
}

/** What runs, and how it ends: in the reverse of the order in which it was started. */
export class Shutdown {
  readonly #parts: Part[] = []
  readonly #asked = Promise.withResolvers<never>()
  #askedAt: number | undefined

  constructor() {
    this.#asked.promise.catch(() => {})
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#ask())
    // The command that started this one is gone, and with it whoever could stop it.
    process.on('disconnect', () => this.#ask())
    // A closed terminal must not end the process before its parts have ended.
    process.stdout.on('error', () => {})
    process.stderr.on('error', () => {})
  }

  add(part: Part): void {
    this.#parts.push(part)
  }

  /** A step's result. @throws {Interrupted} as soon as somebody asks to stop, whatever the step is doing */
  async or<T>(step: Promise<T>): Promise<T> {
    return await Promise.race([this.#asked.promise, step])
  }

  /** Stops all parts; one that fails does not keep the next from stopping. @returns whether all went well */
  async stopAll(): Promise<boolean> {
    let clean = true
    for (const part of this.#parts.toReversed()) {
      say(`Stopping ${part.name}`)
      await part.stop().catch((error: unknown) => {
        clean = false
        console.error(`${part.name} did not stop cleanly: ${messageOf(error)}`)
      })
    }
    return clean
  }

  #ask(): void {
    if (this.#askedAt === undefined) {
      this.#askedAt = Date.now()
      this.#asked.reject(new Interrupted('stopping'))
    } else if (Date.now() - this.#askedAt > SAME_PRESS_MS) {
      for (const part of this.#parts.toReversed()) part.kill()
      console.error('Ended by force: the next npm start or npm run reset tidies up.')
      process.exit(130)
    }
  }
}
