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
    // The door is open; the owner's own transactions may hold every server connection behind it.
    const waited = connected && /timeout/i.test(messageOf(error))
    return waited ? 'no server connection free within the deadline' : messageOf(error)
  } finally {
    await client.end().catch(() => undefined)
  }
}
