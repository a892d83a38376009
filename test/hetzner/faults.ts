import type { Sabotage } from './actions.ts'
import { serverTypeOf } from './catalog.ts'
import { ApiError, type ErrorCode } from './errors.ts'

export type Fault =
  /** Is refused, without effect. */
  | { error: ErrorCode; message?: string }
  /** Its actions end in error, without effect. */
  | { actionError: string; message?: string }
  /** Its actions take so long. */
  | { actionMs: number }
  /** The effect comes so much later; the answer waits for it. */
  | { delayMs: number }
  /** The connection is destroyed: before the effect, or after it and without an answer. */
  | { lose: 'request' | 'reply' }
  /** The effect takes place, and the answer never comes. */
  | { hold: 'reply' }
  /** Of a server's creation: the type is not to be had, where given at that place only. Other calls do not count. */
  | { soldOut: { serverType?: string; location?: string } }
  /** The account's limit of that name, such as `server_limit`, is reached. */
  | { limit: string }

export interface FaultRule {
  method: string
  /** Without `/v1` and query. */
  path: RegExp
  /** Which of the calls that fit, counted from 1 (the default). */
  nth?: number
  /** How many from there on; 1 by default. */
  times?: number
  with: Fault
}

interface Call {
  method: string
  path: string
  body: unknown
}

interface Counted {
  rule: FaultRule
  seen: number
}

function isAbout({ with: fault }: FaultRule, body: unknown): boolean {
  if (!('soldOut' in fault)) return true
  const { server_type, location } = Object(body) as { server_type?: string | number; location?: string }
  const { serverType, location: place = location } = fault.soldOut
  const isType = serverType === undefined || serverTypeOf(server_type ?? '').name === serverType
  return isType && location === place
}

/** Rules for what goes wrong, in the order in which they were given: the first that fires decides. */
export class Faults {
  #rules: Counted[] = []

  add(rule: FaultRule): void {
    this.#rules.push({ rule, seen: 0 })
  }

  reset(): void {
    this.#rules = []
  }

  /** What goes wrong with this call. Every rule that it fits counts it. */
  next({ method, path, body }: Call): Fault | undefined {
    const fitting = this.#rules.filter(
      ({ rule }) => rule.method === method && rule.path.test(path) && isAbout(rule, body),
    )
    for (const counted of fitting) counted.seen += 1
    const firing = fitting.find(({ rule: { nth = 1, times = 1 }, seen }) => seen >= nth && seen < nth + times)
    return firing?.rule.with
  }
}

/** What a faulty call is answered with instead. */
export function refusalOf(fault: Fault): ApiError | undefined {
  if ('error' in fault) return new ApiError(fault.error, fault.message ?? 'as the test has it')
  if ('soldOut' in fault) return new ApiError('resource_unavailable', 'error during placement')
  if (!('limit' in fault)) return undefined
  const details = { limits: [{ name: fault.limit }] }
  return new ApiError('resource_limit_exceeded', `${fault.limit} is exceeded`, { details })
}

export const sabotageOf = (fault: Fault | undefined): Sabotage => {
  if (fault && 'actionMs' in fault) return { ms: fault.actionMs }
  if (!fault || !('actionError' in fault)) return {}
  return { error: { code: fault.actionError, message: fault.message ?? 'as the test has it' } }
}
