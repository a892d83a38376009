import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_CODES } from '../../common/errors.ts'
import type { Answer } from '../host/service.ts'
import type { Record } from './record.ts'

export interface Body extends Answer {
  status: string
  code?: string
  requestId?: string
  retryable?: boolean
  operation?: { id: string }
  state?: string
  error?: { code: string; message: string } | null
}

/** How a request ended for good. */
export interface Outcome {
  status: number
  body: Body
  /** Why the operation behind it failed, where it did. */
  failed?: string
}

const PAUSE_MS = 250
/** However much goes wrong, within this time a request has its definite end. */
const PATIENCE_MS = 5 * 60_000

/** The API as a client uses it that gives up on nothing: repeats with one key what may pass, and knows the end. */
export class Calls {
  readonly #api: string
  readonly #key: string
  readonly #record: Record

  constructor(api: string, key: string, record: Record) {
    this.#api = api
    this.#key = key
    this.#record = record
  }

  /** Sends once. Undefined where no answer came. */
  async #send(method: string, path: string, body: unknown, headers: { [name: string]: string }) {
    try {
      const response = await fetch(`${this.#api}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(90_000),
      })
      const text = await response.text()
      return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
    } catch (error) {
      this.#record.count(
        'refusals',
        error instanceof Error && error.name === 'TimeoutError' ? 'no end' : 'no answer',
      )
      return undefined
    }
  }

  /** One request with its definite end: an operation that goes on is followed, what may pass is repeated. */
  async definite(method: string, path: string, body?: unknown, key?: string): Promise<Outcome> {
    const headers = { prefer: 'wait=30', ...(key === undefined ? {} : { 'idempotency-key': key }) }
    const until = performance.now() + PATIENCE_MS
    while (performance.now() < until) {
      const answer = await this.#send(method, path, body, headers)
      if (answer?.status === 202 && answer.body.operation) {
        const failed = await this.#ended(answer.body.operation.id, until)
        // The same key shows the outcome once more, the password with it.
        if (failed !== undefined || key === undefined) return { ...answer, ...(failed ? { failed } : {}) }
        continue
      }
      if (answer && answer.status < 400) return answer
      if (answer) this.#judge(method, path, answer)
      const operation = answer?.body.operation
      if (answer && operation) return { ...answer, failed: answer.body.detail ?? '' }
      if (answer && answer.status < 500 && !answer.body.retryable) return answer
      await sleep(PAUSE_MS)
    }
    this.#record.violation(`${method} ${path} had no definite end within ${PATIENCE_MS / 1000} s`)
    throw new Error(`${method} ${path} has no end`)
  }

  /** @returns why the operation failed; undefined where it succeeded */
  async #ended(id: string, until: number): Promise<string | undefined> {
    while (performance.now() < until) {
      const answer = await this.#send('GET', `/operations/${id}`, undefined, {})
      if (answer?.body.state === 'succeeded') return undefined
      if (answer?.body.state === 'failed') return answer.body.error?.message ?? 'for no reason'
      if (answer && answer.status >= 400) this.#judge('GET', '/operations', answer)
      if (answer?.status === 404) {
        this.#record.violation(`the operation ${id} is lost`)
        return 'it is lost'
      }
      await sleep(PAUSE_MS)
    }
    this.#record.violation(`the operation ${id} does not end`)
    return 'it does not end'
  }

  /** A refusal is a problem of the closed list; an internal error is one that nobody thought of. */
  #judge(method: string, path: string, { status, body }: Outcome): void {
    const { code = '', detail, requestId } = body
    const known = Object.entries(ERROR_CODES).find(([name]) => name === code)?.[1]
    this.#record.count('refusals', code)
    if (!known || known.status !== status || !requestId)
      this.#record.violation(`${method} ${path} answered ${status} ${code} ${detail}`)
    if (code === 'INTERNAL_ERROR')
      this.#record.violation(`${method} ${path} met an internal error (${requestId})`)
  }
}
