import { setTimeout as sleep } from 'node:timers/promises'
import type { Secret } from '../common/secret.ts'

export interface ApiOperation {
  id: string
  state: 'queued' | 'running' | 'succeeded' | 'failed'
  error: { code: string; message: string } | null
}

export interface ApiDatabase {
  id: string
  name: string
  host: string
  port: number
  database: string
  username: string
  password?: string
  connectionString?: string
  caCertificate: string
  status: string
  operation?: ApiOperation
}

export interface Answer<T> {
  status: number
  headers: Headers
  body: T & { code?: string; detail?: string }
}

/** The public API as any client sees it. */
export class ApiClient {
  readonly #origin: string
  readonly #key: Secret

  constructor(origin: string, key: Secret) {
    this.#origin = origin
    this.#key = key
  }

  /** One request under `/api/v1`. An answer of any status is an answer. */
  async request<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.#origin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key.reveal()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  }

  /** Waits for the end of an operation. */
  async ended(id: string): Promise<ApiOperation> {
    for (;;) {
      const { status, body } = await this.request<ApiOperation>('GET', `/operations/${id}`)
      if (status !== 200) throw new Error(`operation ${id} cannot be read: ${body.detail ?? status}`)
      if (body.state === 'succeeded' || body.state === 'failed') return body
      await sleep(250)
    }
  }
}
