const PER_HOUR = 3600
const MS_PER_HOUR = 3_600_000

/** Requests that are left: full at first, and refilled as evenly as an hour's allowance allows. */
export class RateLimit {
  readonly #limit: number
  readonly #refuses: boolean
  #left: number
  #at = Date.now()

  /** @param limit per hour. Without it nothing is refused: tests poll a hundred times as often as others do. */
  constructor(limit: number | undefined) {
    this.#limit = limit ?? PER_HOUR
    this.#refuses = limit !== undefined
    this.#left = this.#limit
  }

  /** Counts a request. @returns whether it may pass */
  take(): boolean {
    const now = Date.now()
    const refilled = ((now - this.#at) / MS_PER_HOUR) * this.#limit
    this.#left = Math.min(this.#limit, this.#left + refilled)
    this.#at = now
    const passes = this.#left >= 1 || !this.#refuses
    if (passes) this.#left = Math.max(0, this.#left - 1)
    return passes
  }

  get headers(): Record<string, string> {
    const untilFull = ((this.#limit - this.#left) / this.#limit) * MS_PER_HOUR
    return {
      'RateLimit-Limit': String(this.#limit),
      'RateLimit-Remaining': String(Math.floor(this.#left)),
      'RateLimit-Reset': String(Math.ceil((this.#at + untilFull) / 1000)),
    }
  }
}
