import { DriverException } from '@mikro-orm/core'

/** PostgreSQL's classes 08 (connection), 53 (resources) and its shutdown codes, or the socket's own. */
const CODES = /^(?:08...|53...|57P0[1-5]|55000|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT)$/

/** Did the control plane's own database not answer, so that the same request may succeed when it does? */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof DriverException)) return false
  return CODES.test(error.code ?? '') || /^Connection terminated/.test(error.message)
}
