/**
 * `token`: it is missing, unknown or may do too little. `rate-limit`: too many requests. `unreachable`: no answer, or a
 * fault there. `refused`: it does not do it.
 */
export type CloudErrorKind = 'token' | 'rate-limit' | 'unreachable' | 'refused'

/** Why Hetzner Cloud did not tell; the message says what to do. */
export class CloudError extends Error {
  override readonly name = 'CloudError'
  readonly kind: CloudErrorKind

  constructor(kind: CloudErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** What a refusal says; without code and message where it is none of the API's. */
export interface Said {
  status: number
  code?: string | undefined
  message?: string | undefined
}

const MOST_WORDS = 300

export const unreachable = (host: string, why: string): CloudError =>
  new CloudError(
    'unreachable',
    `Hetzner Cloud cannot be reached at ${host} (${why}): look at the network of the worker and at status.hetzner.com, then try again.`,
  )

/** @param path of the call */
export function refusal(host: string, path: string, { status, code, message }: Said): CloudError {
  const said = `${message ?? 'it says nothing'} (${code ?? status})`.slice(0, MOST_WORDS)
  if (status === 401 || code === 'forbidden')
    return new CloudError(
      'token',
      `Hetzner Cloud does not take the token: ${said}. Make one with read and write rights in its console and start the worker with it: HCLOUD_TOKEN=… npm start`,
    )
  if (status === 429)
    return new CloudError(
      'rate-limit',
      `The requests that Hetzner Cloud allows in an hour are used up, by us or by others in the project: ${said}. Try again in some minutes.`,
    )
  if (status >= 500 || code === undefined || code === 'maintenance')
    return unreachable(host, `${status}: ${said}`)
  return new CloudError('refused', `Hetzner Cloud does not answer ${path.replace(/\?.*/, '')}: ${said}.`)
}
