import type { Context, Middleware } from 'koa'
import ratelimit from 'koa-ratelimit'
import { canonicalCidr, hostCidr } from '../../common/cidr.ts'
import { AppError } from '../../common/errors.ts'

const MINUTE_MS = 60_000
/** Requests a minute for one credential or, without one, one address. */
const REQUESTS = 3000
/** Requests with a bad key a minute for one address. */
const FAILURES = 30
const MOST_SOURCES = 10_000

/** A map that forgets its oldest entry when it is full. */
class BoundedMap<Value> extends Map<string, Value> {
  override set(key: string, value: Value): this {
    const oldest = this.size >= MOST_SOURCES && !this.has(key) ? this.keys().next().value : undefined
    if (oldest !== undefined) this.delete(oldest)
    return super.set(key, value)
  }
}

/** An IPv4 address, or the /64 that one customer of an IPv6 network holds. */
export function sourceOf(address: string): string {
  const host = hostCidr(address) ?? 'unknown'
  return host.includes(':') ? (canonicalCidr(host.replace(/\/\d+$/, '/64')) ?? host) : host
}

/** Counts requests by credential or address and tells the client what is left of them. */
export function rateLimit(): Middleware {
  const limit = ratelimit({
    driver: 'memory',
    db: new BoundedMap<unknown>(),
    duration: MINUTE_MS,
    max: REQUESTS,
    id: (ctx: Context) => ctx.state.actor?.credentialId ?? sourceOf(ctx.ip),
    headers: { remaining: 'RateLimit-Remaining', reset: 'RateLimit-Reset', total: 'RateLimit-Limit' },
  })
  return async (ctx, next) => {
    let passed = false
    await limit(ctx, async () => {
      passed = true
    })
    // The library counts by a time that nobody sets and tells it as that of the day, which somebody may have set.
    const told = Math.ceil(Number(ctx.response.get('RateLimit-Reset')) - Date.now() / 1000)
    const seconds = Math.min(MINUTE_MS / 1000, Math.max(1, told))
    ctx.set('RateLimit-Reset', String(seconds))
    if (!passed) {
      ctx.set('Retry-After', String(seconds))
      throw new AppError(
        'RATE_LIMITED',
        `More than ${REQUESTS} requests came from you within a minute. Wait ${seconds} s.`,
      )
    }
    await next()
  }
}

/**
 * Bad keys of each address. A good key passes whatever its neighbours behind the same address did: keys are too long
 * to be guessed, so this only saves work.
 */
export class FailureBudget {
  readonly #windows = new BoundedMap<{ count: number; until: number }>()

  /** Notes one failure. @throws RATE_LIMITED where there were too many within a minute */
  spend(ctx: Context): void {
    const source = sourceOf(ctx.ip)
    const now = performance.now()
    const found = this.#windows.get(source)
    const window = found && found.until > now ? found : { count: 0, until: now + MINUTE_MS }
    window.count += 1
    this.#windows.set(source, window)
    if (window.count <= FAILURES) return
    const seconds = Math.ceil((window.until - now) / 1000)
    ctx.set('Retry-After', String(seconds))
    throw new AppError(
      'RATE_LIMITED',
      `Too many requests with a key that is not valid came from your address. Wait ${seconds} s.`,
    )
  }
}
