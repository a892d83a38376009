import { existsSync, readFileSync } from 'node:fs'
import { randomName } from '../common/ids.ts'
import { writeFileAtomically } from './files.ts'

interface Recorded {
  id: string
  predecessor: string | undefined
  worked: boolean
}

/** Who the worker is, across restarts of the worker and of its supervisor. */
export class WorkerIdentity {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /**
   * The environment of the next worker. One that died before it worked is repeated under its own name: it has taken
   * nothing over yet, and its predecessor's claims would be forgotten with a new name.
   */
  next(): Record<string, string> {
    const last = this.#read()
    const next: Recorded =
      last && !last.worked ? last : { id: `worker-${randomName(10)}`, predecessor: last?.id, worked: false }
    this.#write(next)
    return {
      DBHOST_WORKER_ID: next.id,
      ...(next.predecessor === undefined ? {} : { DBHOST_PREDECESSOR: next.predecessor }),
    }
  }

  /** The worker has taken over and serves. */
  hasWorked(): void {
    const last = this.#read()
    if (last) this.#write({ ...last, worked: true })
  }

  #read(): Recorded | undefined {
    return existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Recorded) : undefined
  }

  #write(recorded: Recorded): void {
    writeFileAtomically(this.#file, JSON.stringify(recorded), { mode: 0o600 })
  }
}
