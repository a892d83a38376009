import { Socket } from 'node:net'
import pg from 'pg'
import type { Answer } from './service.ts'

interface Authenticating {
  _handleAuthSASLContinue: (message: unknown) => unknown
}

/** A login that has stopped at the password exchange. */
export interface SlowLogin {
  client: pg.Client
  /** Proves the password. @returns what the login is told, or `in` */
  finish: () => Promise<string>
}

/**
 * Begins a login and lets it wait where the pool has asked for the proof of the password.
 * @param ca PEM of the host's CA @param entry the alias or another database @param from an address of this computer
 */
export async function beginLogin(
  { host, port, username: user, password }: Answer,
  ca: string,
  entry: string,
  from?: string,
): Promise<SlowLogin> {
  const client = new pg.Client({
    ...{ host, port, user, password, database: entry, ssl: { ca } },
    ...(from !== undefined && { stream: () => socketFrom(from) }),
  })
  client.on('error', () => {})
  const asked = Promise.withResolvers<void>()
  const told = Promise.withResolvers<void>()
  const authenticating = client as unknown as Authenticating
  const prove = authenticating._handleAuthSASLContinue
  authenticating._handleAuthSASLContinue = async (message) => {
    asked.resolve()
    await told.promise
    return prove.call(client, message)
  }
  const outcome = client.connect().then(
    () => 'in',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  await Promise.race([asked.promise, outcome])
  return {
    client,
    finish: () => {
      told.resolve()
      return outcome
    },
  }
}

function socketFrom(localAddress: string): Socket {
  const socket = new Socket()
  const connect = socket.connect.bind(socket)
  socket.connect = (port: unknown, host?: unknown) =>
    connect({ port: Number(port), host: String(host), localAddress })
  return socket
}
