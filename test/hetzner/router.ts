import type { z } from 'zod'
import { ApiError } from './errors.ts'
import { checked } from './fields.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

interface Call<Body> {
  /** The `:id` of the path. */
  id: number
  /** Any other part of the path. */
  part: (name: string) => string
  query: URLSearchParams
  body: Body
}

export interface Reply {
  status: number
  body?: object
}

export interface Route {
  method: Method
  pattern: RegExp
  answer: (parts: Record<string, string>, query: URLSearchParams, raw: unknown) => Reply
}

const NUMERIC = ['id', 'action']

/** @param path with `:id` and `:action` for numbers, other `:names` for any text of one segment */
export function route<Schema extends z.ZodType>(
  method: Method,
  path: string,
  schema: Schema,
  handle: (call: Call<z.infer<Schema>>) => Reply,
): Route {
  const pattern = path.replaceAll(/:(\w+)/g, (_, name: string) =>
    NUMERIC.includes(name) ? `(?<${name}>\\d{1,15})` : `(?<${name}>[^/]+)`,
  )
  return {
    method,
    pattern: new RegExp(`^${pattern}$`),
    answer: (parts, query, raw) => {
      const part = (name: string): string => decodeURIComponent(parts[name] ?? '')
      return handle({ id: Number(parts.id ?? 0), part, query, body: checked(schema, raw ?? {}) })
    },
  }
}

/** Takes every call to the first route that fits it. */
export class Router {
  readonly #routes: Route[]

  constructor(routes: Route[]) {
    this.#routes = routes
  }

  /** Throws an `ApiError`. */
  answer(method: string, path: string, query: URLSearchParams, raw: unknown): Reply {
    const fitting = this.#routes.flatMap((one) => {
      const match = one.pattern.exec(path)
      return match ? [{ one, parts: { ...match.groups } }] : []
    })
    if (fitting.length === 0) throw new ApiError('not_found', `there is nothing at ${path}`)
    const taken = fitting.find(({ one }) => one.method === method)
    if (!taken) throw new ApiError('method_not_allowed', `${path} does not take ${method}`)
    return taken.one.answer(taken.parts, query, raw)
  }
}
