import { Agent, request } from 'node:http'
import { Secret } from '../common/secret.ts'

export interface Sent {
  /** Sent as JSON; bytes as they are. */
  body?: unknown
  /** Null for none. */
  key?: Secret | string | null
  headers?: Record<string, string>
}

/** Every member that some answer has; a test reads those of the answer that it expects. */
export interface AnswerBody {
  id: string
  name: string
  displayName: string
  host: string
  port: number
  database: string
  username: string
  password: string
  connectionString: string
  sessionConnectionString: string
  caCertificate: string
  caUrl: string
  status: string
  sizeBytes: number | null
  storage: {
    usedBytes: number
    limitBytes: number
    state: string
    cleanupUntil: string | null
    measuredAt: string
  }
  until: string
  connections: number
  allowlist: { cidr: string; label: string | null }[]
  rules: { cidr: string; label: string | null }[]
  allowWide: boolean
  operation: AnswerBody
  kind: string
  state: string
  databaseId: string
  hostId: string
  steps: { name: string; state: string; attempts: number }[]
  lastSeenAt: string | null
  ssh: unknown
  cloud: unknown
  result: unknown
  data: AnswerBody[]
  nextCursor: string | null
  code: string
  detail: string
  requestId: string
  retryable: boolean
  errors: { field: string; message: string }[]
}

/** Every field that a problem names, in order. */
export const fieldsOf = ({ errors }: AnswerBody): string[] =>
  errors.map(({ field }) => field).toSorted((a, b) => (a < b ? -1 : 1))

export interface Answer {
  status: number
  headers: Record<string, string | undefined>
  text: string
  /** Without members where the answer is not JSON. */
  body: AnswerBody
}

/** One request, with every header as the caller wants it. */
export async function send(url: string, method: string, { body, key, headers }: Sent): Promise<Answer> {
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const bearer = key instanceof Secret ? key.reveal() : key
  // A connection that may stay open lets the server read away what it refused, so that its answer arrives.
  const agent = new Agent({ keepAlive: true })
  const outgoing = request(url, {
    ...{ method, agent },
    headers: {
      ...(bytes ? { 'content-type': 'application/json' } : {}),
      ...(bytes && !headers?.['transfer-encoding'] ? { 'content-length': String(bytes.length) } : {}),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...headers,
    },
  })
  const answered = new Promise<Answer>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = /json/.test(incoming.headers['content-type'] ?? '') && text !== ''
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers as Record<string, string | undefined>,
          text,
          body: (isJson ? JSON.parse(text) : {}) as AnswerBody,
        })
      })
    })
  })
  outgoing.end(bytes)
  try {
    return await answered
  } finally {
    agent.destroy()
  }
}
