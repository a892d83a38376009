/**
 * `exit`: the command ran and failed. `unknown`: it is not known whether it ran to its end. `timeout`: it did not
 * end in time and goes on or not. The others: the command did not start.
 */
export type HostErrorKind = 'unreachable' | 'host-key' | 'auth' | 'exit' | 'unknown' | 'timeout'

/** What went wrong with a host, in a sentence that says what to do. */
export class HostError extends Error {
  override readonly name = 'HostError'
  readonly kind: HostErrorKind
  /** Exit code of the command; only with kind `exit`. */
  readonly code: number | undefined
  /** End of what the command wrote to standard error. */
  readonly stderr: string

  constructor(
    kind: HostErrorKind,
    message: string,
    options: { code?: number; stderr?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = options.code
    this.stderr = options.stderr ?? ''
  }
}
