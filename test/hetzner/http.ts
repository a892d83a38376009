import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Actions } from './actions.ts'
import type { CallLog } from './call-log.ts'
import { ApiError } from './errors.ts'
import { type Faults, refusalOf, sabotageOf } from './faults.ts'
import type { RateLimit } from './rate.ts'
import type { Reply, Router } from './router.ts'

const PREFIX = '/v1'

interface Parts {
  token: string
  router: Router
  actions: Actions
  faults: Faults
  log: CallLog
  rate: RateLimit
}

const parsed = (body: string): unknown => {
  if (body === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new ApiError('json_error', 'the body is no JSON')
  }
}

const asError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError ? thrown : new ApiError('server_error', String(thrown))

/** The API over HTTP: who may call, what goes wrong on purpose, what is written down. */
export class Api {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log } = this.#parts
    const { method = '' } = request
    const url = new URL(request.url ?? '/', 'http://emulator')
    const path = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : url.pathname
    let reply: Reply | undefined
    try {
      reply = await this.#answer(request, method, path, url)
    } catch (thrown) {
      const { status, body } = asError(thrown)
      reply = { status, body }
    }
    const isAnswered = reply !== undefined && !response.destroyed
    log.calls.push({ method, path, status: isAnswered ? (reply?.status ?? null) : null })
    if (reply && isAnswered) this.#write(response, reply)
  }

  /** @returns undefined where no answer goes out */
  async #answer(
    request: IncomingMessage,
    method: string,
    path: string,
    url: URL,
  ): Promise<Reply | undefined> {
    const { token, router, actions, faults, log, rate } = this.#parts
    const body = await text(request)
    if (!rate.take()) throw new ApiError('rate_limit_exceeded', 'the requests of this hour are used up')
    if (request.headers.authorization !== `Bearer ${token}`) {
      throw new ApiError('unauthorized', 'the token is not known')
    }
    if (!url.pathname.startsWith(`${PREFIX}/`))
      throw new ApiError('not_found', `nothing is at ${url.pathname}`)
    const raw = parsed(body)
    const fault = faults.next({ method, path, body: raw })
    const refusal = fault && refusalOf(fault)
    if (refusal) throw refusal
    const lost = fault && 'lose' in fault ? fault.lose : undefined
    if (lost === 'request') {
      request.socket.destroy()
      return undefined
    }
    if (fault && 'delayMs' in fault) await sleep(fault.delayMs, undefined, { ref: false })
    const reply = actions.sabotaged(sabotageOf(fault), () =>
      router.answer(method, path, url.searchParams, raw),
    )
    log.tookEffect(method, path)
    if (lost === 'reply') request.socket.destroy()
    return lost === 'reply' || (fault && 'hold' in fault) ? undefined : reply
  }

  #write(response: ServerResponse, { status, body }: Reply): void {
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'X-Correlation-Id': randomBytes(8).toString('hex'),
      ...this.#parts.rate.headers,
    })
    response.end(body === undefined ? undefined : JSON.stringify(body))
  }
}
