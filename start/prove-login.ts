import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { messageOf } from '../common/errors.ts'

const DEADLINE_MS = 60_000

/** How a login with a printed connection string ended. */
export type LoginProof = 'logged in' | 'password refused'

/**
 * Logs in with exactly what was printed: TLS, verified against the file that the string names. A machine that has
 * just booted gets a minute.
 * @throws with the last reason when nothing but refusals of the connection came
 */
export async function proveLogin(connectionString: string): Promise<LoginProof> {
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const reason = await attempt(connectionString)
    if (reason === undefined) return 'logged in'
    if (isWrongPassword(reason)) return 'password refused'
    if (Date.now() > deadline) throw new Error(`the database does not let its owner in: ${messageOf(reason)}`)
    await sleep(200)
  }
}

async function attempt(connectionString: string): Promise<unknown> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return undefined
  } catch (error) {
    return error
  } finally {
    await client.end().catch(() => {})
  }
}

const isWrongPassword = (reason: unknown): boolean =>
  reason instanceof Error && /password authentication failed|SASL authentication failed/.test(reason.message)
