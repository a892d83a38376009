import { isIP } from 'node:net'
import { AppError } from '../../common/errors.ts'
import type { HostAccess } from '../../hosts/host-spec.ts'

const HOST_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/

const refuse = (field: string, message: string): AppError =>
  new AppError('VALIDATION_ERROR', message, { fields: [{ field, message }] })

/** @throws VALIDATION_ERROR where it cannot be a DNS label */
export function checkHostName(name: string): void {
  if (HOST_NAME.test(name)) return
  throw refuse('/name', 'A host name has lower-case letters, digits and hyphens, at most 63.')
}

/** The key text without its comment. @throws VALIDATION_ERROR where it is not an ed25519 host key */
function checkHostKey(text: string): string {
  const match = /^ssh-ed25519 ([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(text.trim())
  const bytes = Buffer.from(match?.[1] ?? '', 'base64')
  // Length and name of the algorithm, then length and value of the key.
  if (match?.[1] && bytes.length === 51 && bytes.subarray(4, 15).toString() === 'ssh-ed25519') {
    return `ssh-ed25519 ${match[1]}`
  }
  throw refuse(
    '/hostKey',
    'The host key must be the text of /etc/ssh/ssh_host_ed25519_key.pub, which begins with "ssh-ed25519".',
  )
}

/** @throws VALIDATION_ERROR where it is not a time of day */
export function checkWindow(window: string, field: string): void {
  if (/^([01]\d|2[0-3]):[0-5]\d$/.test(window)) return
  throw refuse(field, 'The window is the time at which updates begin, in UTC: HH:MM, as in 04:00.')
}

/** How a machine is reached, each part checked. @throws VALIDATION_ERROR */
export function checkSshAccess({ address, port, user, hostKey }: HostAccess): HostAccess {
  if (isIP(address) === 0) {
    throw refuse('/address', 'The address must be the IP address that clients connect to.')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw refuse('/port', 'The port must be a number from 1 to 65535.')
  }
  if (!USER_NAME.test(user)) throw refuse('/user', 'The user must be the name of a user of that machine.')
  return { address, port, user, hostKey: checkHostKey(hostKey) }
}
