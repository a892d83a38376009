export interface LoggedCall {
  method: string
  /** Without `/v1` and query. */
  path: string
  /** Null where no answer went out. */
  status: number | null
}

interface Waiter {
  method: string
  path: RegExp
  resolve: (call: { method: string; path: string }) => void
}

/** What was called, and who waits for a call. */
export class CallLog {
  readonly calls: LoggedCall[] = []
  #waiters: Waiter[] = []

  /** Resolves when the next such call has taken effect. */
  reached(method: string, path: RegExp): Promise<{ method: string; path: string }> {
    return new Promise((resolve) => {
      this.#waiters.push({ method, path, resolve })
    })
  }

  tookEffect(method: string, path: string): void {
    const reached = this.#waiters.filter((one) => one.method === method && one.path.test(path))
    this.#waiters = this.#waiters.filter((one) => !reached.includes(one))
    for (const { resolve } of reached) resolve({ method, path })
  }
}
