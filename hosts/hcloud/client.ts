import { type ZodType, z } from 'zod'
import type { Secret } from '../../common/secret.ts'
import { CloudError, refusal, type Said, unreachable } from './cloud-error.ts'

export { CloudError } from './cloud-error.ts'

/** A project of Hetzner Cloud. */
export interface CloudAccess {
  token: Secret
  /** Another than Hetzner's own. */
  endpoint?: string | undefined
  /** For one call, in milliseconds; 10 s by default. */
  deadlineMs?: number | undefined
}

const HETZNER = 'https://api.hetzner.cloud/v1'
const DEADLINE_MS = 10_000
/** The whole price list has a few hundred kB. */
const MOST_BYTES = 4 * 1024 * 1024
const PER_PAGE = 50
const MOST_PAGES = 20

/**
 * What a GET answers.
 * @param path with its query @param shape of what is read of the answer
 * @throws CloudError
 */
export async function get<T>(access: CloudAccess, path: string, shape: ZodType<T>): Promise<T> {
  const place = placeOf(access)
  return read(place, await answer(access, place, 'GET', path), shape)
}

function read<T>(place: URL, found: unknown, shape: ZodType<T>): T {
  const { success, data } = shape.safeParse(found)
  if (!success) throw unreachable(place.host, 'what answers is not the API as it is documented')
  return data
}

/** What a GET answers of something that need not be there; undefined where it is not. @throws CloudError */
export async function find<T>(access: CloudAccess, path: string, shape: ZodType<T>): Promise<T | undefined> {
  const place = placeOf(access)
  const found = await answer(access, place, 'GET', path, [200, 404])
  if (failed.safeParse(found).success) return undefined
  return read(place, found, shape)
}

/** Lets something be done with what is there already; it is not waited for. @throws CloudError */
export async function act(access: CloudAccess, path: string): Promise<void> {
  await answer(access, placeOf(access), 'POST', path)
}

/** Deletes something; what is gone already is no error. @throws CloudError */
export async function remove(access: CloudAccess, path: string): Promise<void> {
  await answer(access, placeOf(access), 'DELETE', path)
}

type Method = 'GET' | 'POST' | 'DELETE'

const GOOD = { GET: [200], POST: [200, 201], DELETE: [200, 204, 404] }

async function answer(
  access: CloudAccess,
  place: URL,
  method: Method,
  path: string,
  good: readonly number[] = GOOD[method],
): Promise<unknown> {
  const { status, text } = await call(access, place, method, path)
  const body = parsed(text)
  if (good.includes(status)) return body
  throw refusal(place.host, path, { status, ...saidIn(body, access) })
}

/** Every page of a list. @param key of the answer @throws CloudError */
export async function list<T>(
  access: CloudAccess,
  key: string,
  shape: ZodType<T>,
  { path = `/${key}`, query = {} }: { path?: string; query?: Record<string, string> } = {},
): Promise<T[]> {
  const paged = pageOf(key, shape)
  const all: T[] = []
  let page = 1
  for (let read = 0; read < MOST_PAGES; read += 1) {
    const asked = new URLSearchParams({ ...query, page: String(page), per_page: String(PER_PAGE) })
    const { rows, next } = await get(access, `${path}?${asked}`, paged)
    all.push(...rows)
    if (next === null) return all
    page = next
  }
  throw unreachable(placeOf(access).host, `its list of ${key} does not end`)
}

const pageOf = <T>(key: string, shape: ZodType<T>): ZodType<{ next: number | null; rows: T[] }> =>
  z
    .looseObject({ meta: z.object({ pagination: z.object({ next_page: z.int().positive().nullable() }) }) })
    .transform(({ meta, ...rest }) => ({ next: meta.pagination.next_page, rows: rest[key] }))
    .pipe(z.object({ next: z.number().nullable(), rows: z.array(shape) }))

function placeOf({ endpoint = HETZNER }: CloudAccess): URL {
  const place = URL.parse(endpoint)
  if (!place || !/^https?:$/.test(place.protocol) || place.username || place.password)
    throw new CloudError(
      'unreachable',
      'HCLOUD_ENDPOINT is not the address of an API: leave it away for Hetzner’s own.',
    )
  return place
}

/** @throws CloudError where no answer comes */
async function call(
  { token, deadlineMs = DEADLINE_MS }: CloudAccess,
  place: URL,
  method: Method,
  path: string,
): Promise<{ status: number; text: string }> {
  const revealed = token.reveal()
  // A header that cannot be sent is an error that has the header in it.
  if (!/^[\x21-\x7e]+$/.test(revealed)) throw refusal(place.host, path, { status: 401, code: 'no token' })
  try {
    const response = await fetch(`${place.href.replace(/\/$/, '')}${path}`, {
      method,
      headers: { authorization: `Bearer ${revealed}`, accept: 'application/json' },
      // The token is for this host alone.
      redirect: 'error',
      signal: AbortSignal.timeout(deadlineMs),
    })
    return { status: response.status, text: await bounded(response) }
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } }
    if (error instanceof TooLong) throw unreachable(place.host, 'its answer does not end')
    const late = `no answer within ${deadlineMs} ms`
    throw unreachable(place.host, name === 'TimeoutError' ? late : (cause?.code ?? 'the connection failed'))
  }
}

class TooLong extends Error {}

async function bounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new TooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const failed = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/** What a refusal says. Whoever answers may repeat what it was sent. */
function saidIn(body: unknown, { token }: CloudAccess): Omit<Said, 'status'> {
  const { data } = failed.safeParse(body)
  return data ? { ...data.error, message: data.error.message.replaceAll(token.reveal(), '[secret]') } : {}
}
