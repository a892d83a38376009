import type { EntityManager } from '@mikro-orm/postgresql'
import pg from 'pg'
import type { Logger } from '../../common/log.ts'
import { Operation } from '../model/operation.ts'
import type { DatabaseAddress } from '../model/orm.ts'
import { OPERATION_ENDED_CHANNEL } from '../operations/kinds.ts'

/** Against a notification that was lost with its connection. */
const POLL_MS = 1_000

const hasEnded = (operation: Operation): boolean => ['succeeded', 'failed'].includes(operation.state)

/** Lets requests wait for the end of an operation: one listening connection for the whole process. */
export class OperationWaiter {
  readonly #address: DatabaseAddress
  readonly #em: EntityManager
  readonly #log: Logger
  readonly #waiting = new Map<string, Set<() => void>>()
  #client: pg.Client | undefined
  #closed = false

  constructor(address: DatabaseAddress, em: EntityManager, log: Logger) {
    this.#address = address
    this.#em = em
    this.#log = log
  }

  async open(): Promise<void> {
    const client = new pg.Client({ ...this.#address, application_name: 'dbhost waiter' })
    client.on('error', () => this.#reconnect(client))
    client.on('end', () => this.#reconnect(client))
    client.on('notification', ({ payload }) => {
      for (const wake of this.#waiting.get(payload ?? '') ?? []) wake()
    })
    await client.connect()
    await client.query(`listen ${OPERATION_ENDED_CHANNEL}`)
    this.#client = client
  }

  #reconnect(lost: pg.Client): void {
    if (this.#closed || this.#client !== lost) return
    this.#client = undefined
    const again = (): void => {
      if (this.#closed) return
      this.open().catch((error: unknown) => {
        this.#log.warn({ err: error }, 'cannot listen for ended operations')
        setTimeout(again, POLL_MS)
      })
    }
    again()
  }

  /** The operation at its end, or as it is when the time is up. @param waitMs at most this many milliseconds */
  async wait(id: string, waitMs: number): Promise<Operation> {
    // By the time that nobody sets: a clock that is put back must not keep a request waiting for days.
    const until = performance.now() + waitMs
    for (;;) {
      const ended = Promise.withResolvers<void>()
      const wakes = this.#waiting.get(id) ?? new Set()
      this.#waiting.set(id, wakes.add(ended.resolve))
      try {
        const operation = await this.#em.fork().findOneOrFail(Operation, { id })
        const left = until - performance.now()
        if (hasEnded(operation) || left <= 0 || this.#closed) return operation
        const timer = setTimeout(ended.resolve, Math.min(left, POLL_MS))
        await ended.promise
        clearTimeout(timer)
      } finally {
        wakes.delete(ended.resolve)
        if (wakes.size === 0) this.#waiting.delete(id)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const wakes of this.#waiting.values()) for (const wake of wakes) wake()
    await this.#client?.end()
  }
}
