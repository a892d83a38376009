import pg from 'pg'
import { messageOf } from '../../common/errors.ts'
import type { Secret } from '../../common/secret.ts'

export interface OutsideLogin {
  address: string
  port: number
  /** PEM of the host's own CA; nothing else is trusted. */
  ca: string
  name: string
  password: Secret
  deadlineMs: number
}

/** A login over verified TLS from this machine's own address. @returns undefined where it went well, else why not */
export async function loginFromOutside(login: OutsideLogin): Promise<string | undefined> {
  const client = new pg.Client({
    host: login.address,
    port: login.port,
    database: login.name,
    user: login.name,
    password: login.password.reveal(),
    ssl: { ca: login.ca, rejectUnauthorized: true },
    connectionTimeoutMillis: login.deadlineMs,
    query_timeout: login.deadlineMs,
  })
  // An error after the answer concerns nobody any more; unheard it would end the process.
  client.on('error', () => undefined)
  let connected = false
  try {
    await client.connect()
    connected = true
    await client.query('select 1')
    return undefined
  } catch (error) {
    return refusalOf(error, connected, new Date())
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** @param connected the door was open when it happened */
export function refusalOf(error: unknown, connected: boolean, now: Date): string {
  const message = messageOf(error)
  // The owner's own transactions may hold every server connection behind the door.
  if (connected && /timeout/i.test(message)) return 'no server connection free within the deadline'
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'CERT_NOT_YET_VALID' && code !== 'CERT_HAS_EXPIRED') return message
  return `${message} at ${now.toISOString()}, the time of the control plane; one of the two clocks is wrong and must be set`
}
