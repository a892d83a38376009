/** The closed list of error codes: the HTTP status they mean, and whether the same request may succeed later. */
export const ERROR_CODES = {
  VALIDATION_ERROR: { status: 400, retryable: false },
  INVALID_REQUEST: { status: 400, retryable: false },
  UNAUTHORIZED: { status: 401, retryable: false },
  KEY_SCOPE_DENIED: { status: 403, retryable: false },
  PLAN_LIMIT: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  DATABASE_NOT_FOUND: { status: 404, retryable: false },
  PROJECT_NOT_FOUND: { status: 404, retryable: false },
  HOST_NOT_FOUND: { status: 404, retryable: false },
  OPERATION_NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  DATABASE_EXISTS: { status: 409, retryable: false },
  PROJECT_EXISTS: { status: 409, retryable: false },
  HOST_EXISTS: { status: 409, retryable: false },
  HOST_IN_USE: { status: 409, retryable: false },
  CONFIRMATION_REQUIRED: { status: 409, retryable: false },
  OPERATION_IN_PROGRESS: { status: 409, retryable: true },
  IDEMPOTENCY_CONFLICT: { status: 409, retryable: false },
  AUTHORIZATION_REVOKED: { status: 409, retryable: false },
  STORAGE_NOT_FULL: { status: 409, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false },
  MISDIRECTED_REQUEST: { status: 421, retryable: false },
  ALLOWLIST_REQUIRED: { status: 422, retryable: false },
  ALLOWLIST_TOO_WIDE: { status: 422, retryable: false },
  NO_HOST_AVAILABLE: { status: 422, retryable: true },
  RATE_LIMITED: { status: 429, retryable: true },
  INTERNAL_ERROR: { status: 500, retryable: true },
  AGENT_ERROR: { status: 502, retryable: true },
  STACK_ERROR: { status: 502, retryable: true },
  NOT_READY: { status: 503, retryable: true },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface FieldProblem {
  /** JSON pointer into the request body, or the name of a parameter or header. */
  field: string
  message: string
}

/** An error whose message is written for the person who reads it: it says what went wrong and what to do. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly fields: FieldProblem[]

  constructor(code: ErrorCode, message: string, options: { fields?: FieldProblem[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fields = options.fields ?? []
  }

  get status(): number {
    return ERROR_CODES[this.code].status
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
