import pg from 'pg'
import type { Answer } from './service.ts'

/** A client over verified TLS that remembers how it was ended. */
export class Session {
  readonly client: pg.Client
  ended: string | undefined

  private constructor(client: pg.Client) {
    this.client = client
    client.on('error', (error) => {
      this.ended ??= error.message
    })
    client.on('end', () => {
      this.ended ??= 'ended'
    })
  }

  /** @param ca PEM of the host's CA @param entry the alias or another database */
  static async open(database: Answer, ca: string, entry = database.database): Promise<Session> {
    const { host, port, username, password } = database
    const client = new pg.Client({
      ...{ host, port, database: entry, user: username, password },
      ...{ ssl: { ca }, connectionTimeoutMillis: 3000 },
    })
    const session = new Session(client)
    await client.connect()
    return session
  }

  async alive(): Promise<boolean> {
    return await this.client.query('select 1').then(
      () => true,
      () => false,
    )
  }

  async end(): Promise<void> {
    await this.client.end()
  }
}

/** What a login is told, or `in`. */
export async function loginAnswer(database: Answer, ca: string, entry = database.database): Promise<string> {
  try {
    const session = await Session.open(database, ca, entry)
    await session.end()
    return 'in'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
