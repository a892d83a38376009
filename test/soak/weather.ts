/** Which parts of the service are disturbed just now, so that a failure tells something or does not. */
export class Weather {
  #disturbed = 0
  #calmSince = performance.now()
  /** Names of instances whose disk is full on purpose. */
  readonly full = new Set<string>()

  /** Runs what disturbs everybody. */
  async disturb<T>(act: () => Promise<T>): Promise<T> {
    this.#disturbed += 1
    try {
      return await act()
    } finally {
      this.#disturbed -= 1
      this.#calmSince = performance.now()
    }
  }

  /** Milliseconds since the last disturbance ended; 0 in one. */
  get calmFor(): number {
    return this.#disturbed > 0 ? 0 : performance.now() - this.#calmSince
  }
}
