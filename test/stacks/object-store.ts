import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { byText } from '../../common/order.ts'
import { signerOf } from './signature.ts'

/** What is wrong with a request, as S3 says it. */
class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string) {
    super(code)
    this.status = status
    this.code = code
  }
}

const BUCKET = 'states'
const KEY_ID = 'AKIADBHOSTTEST'
const SECRET = 'secret/of+a+test'

const tag = (body: Buffer): string => `"${createHash('md5').update(body).digest('hex')}"`
const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** One bucket of an S3 service in memory: as much of it as keeps files, with signatures checked. */
export class ObjectStore {
  readonly objects = new Map<string, Buffer>()
  readonly #server: Server
  #left = Number.POSITIVE_INFINITY

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<ObjectStore> {
    const store = new ObjectStore()
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve))
    return store
  }

  /** Of a prefix in the bucket, as the engine takes it. */
  url(prefix: string): string {
    const { port } = this.#server.address() as AddressInfo
    const query = new URLSearchParams({
      ...{ region: 'eu-central-1', endpoint: `http://127.0.0.1:${port}`, use_path_style: 'true' },
    })
    return `s3://${BUCKET}/${prefix}?${query}`
  }

  readonly environment = { AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: SECRET }

  /** After so many calls more it answers none. */
  breakAfter(calls: number): void {
    this.#left = calls
  }

  mend(): void {
    this.#left = Number.POSITIVE_INFINITY
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#left -= 1
      if (this.#left < 0) throw new Refused(403, 'AccessDenied')
      const body = contentOf(request, await buffer(request))
      if (signerOf(request, (id) => (id === KEY_ID ? SECRET : undefined)) === undefined)
        throw new Refused(403, 'SignatureDoesNotMatch')
      this.#serve(request, response, body)
    } catch (error) {
      const { status, code } = error instanceof Refused ? error : new Refused(500, 'InternalError')
      response.writeHead(status, { 'content-type': 'application/xml' })
      response.end(request.method === 'HEAD' ? undefined : `<Error><Code>${code}</Code></Error>`)
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3')
    const [, bucket, ...rest] = pathname.split('/').map(decodeURIComponent)
    if (bucket !== BUCKET) throw new Refused(404, 'NoSuchBucket')
    const key = rest.join('/')
    const source = request.headers['x-amz-copy-source']
    if (key === '') this.#list(response, searchParams)
    else if (request.method === 'PUT') {
      const from =
        typeof source === 'string' ? decodeURIComponent(source).replace(/^\/?states\//, '') : undefined
      if (request.headers['if-none-match'] === '*' && this.objects.has(key))
        throw new Refused(412, 'PreconditionFailed')
      const content = from === undefined ? body : this.#get(from)
      this.objects.set(key, content)
      response.setHeader('etag', tag(content))
      const copied = `<CopyObjectResult><ETag>${escaped(tag(content))}</ETag></CopyObjectResult>`
      response.end(from === undefined ? undefined : copied)
    } else if (request.method === 'DELETE') {
      this.objects.delete(key)
      response.writeHead(204).end()
    } else {
      const content = this.#get(key)
      response.writeHead(200, {
        ...{
          'content-length': content.length,
          etag: tag(content),
          'last-modified': new Date().toUTCString(),
        },
      })
      response.end(request.method === 'HEAD' ? undefined : content)
    }
  }

  #get(key: string): Buffer {
    const content = this.objects.get(key)
    if (!content) throw new Refused(404, 'NoSuchKey')
    return content
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
    const folders = new Set<string>()
    const rows: string[] = []
    for (const [key, content] of [...this.objects].toSorted(([one], [other]) => byText(one, other))) {
      if (!key.startsWith(prefix)) continue
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      if (end >= 0) folders.add(key.slice(0, end + delimiter.length))
      else
        rows.push(
          `<Contents><Key>${escaped(key)}</Key><Size>${content.length}</Size><ETag>${escaped(tag(content))}</ETag>` +
            `<LastModified>${new Date().toISOString()}</LastModified></Contents>`,
        )
    }
    const common = [...folders].map(
      (one) => `<CommonPrefixes><Prefix>${escaped(one)}</Prefix></CommonPrefixes>`,
    )
    response.writeHead(200, { 'content-type': 'application/xml' })
    response.end(
      `<ListBucketResult><IsTruncated>false</IsTruncated>${rows.join('')}${common.join('')}</ListBucketResult>`,
    )
  }
}

/** What is sent in chunks has their sizes in it. */
function contentOf({ headers }: IncomingMessage, body: Buffer): Buffer {
  if (!String(headers['x-amz-content-sha256']).startsWith('STREAMING-')) return body
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, end), 16)
    if (!size) return Buffer.concat(chunks)
    chunks.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
