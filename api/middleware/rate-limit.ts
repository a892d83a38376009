import type { Context, Middleware } from 'koa'
import ratelimit from 'koa-ratelimit'
import { AppError } from '../../common/errors.ts'

const MINUTE_MS = 60_000
/** Requests a minute for one credential or, without one, one address. */
const REQUESTS = 3000
const FAILURES = 30
const MOST_SOURCES = 10_000

/**
 * Counts requests by credential and tells the client what is left. The memory store of koa-ratelimit never forgets a
 * source; it is emptied each minute, which is also the window.
 */
export function rateLimit(): Middleware {
  const db = new Map<string, unknown>()
  setInterval(() => db.clear(), MINUTE_MS).unref()
  const limit = ratelimit({
    driver: 'memory',
    db,
    duration: MINUTE_MS,
    max: REQUESTS,
    // The beginning of the key: enough to tell keys apart, not the key.
    id: (ctx: Context) => ctx.get('Authorization').slice(0, 24) || ctx.ip,
    headers: { remaining: 'RateLimit-Remaining', reset: 'RateLimit-Reset', total: 'RateLimit-Limit' },
  })
  return async (ctx, next) => {
    if (db.size >= MOST_SOURCES) db.clear()
    let passed = false
    await limit(ctx, async () => {
      passed = true
    })
    const seconds = Math.max(1, Math.ceil(Number(ctx.response.get('RateLimit-Reset')) - Date.now() / 1000))
    ctx.set('RateLimit-Reset', String(seconds))
    if (!passed) {
      ctx.set('Retry-After', String(seconds))
      throw new AppError(
        'RATE_LIMITED',
        `This key has sent ${REQUESTS} requests within a minute. Wait ${seconds} s.`,
      )
    }
    await next()
  }
}

/** Failed authentications of each address; nobody tries keys faster than this. */
export class FailureBudget {
  readonly #counts = new Map<string, number>()

  constructor() {
    setInterval(() => this.#counts.clear(), MINUTE_MS).unref()
  }

  /** @throws RATE_LIMITED */
  check(address: string): void {
    if ((this.#counts.get(address) ?? 0) < FAILURES) return
    throw new AppError(
      'RATE_LIMITED',
      'Too many requests without a valid key came from your address. Wait a minute.',
    )
  }

  count(address: string): void {
    if (this.#counts.size >= MOST_SOURCES) this.#counts.clear()
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1)
  }
}
