import pg from 'pg'

/** Where and as whom a client logs in; over verified TLS only. */
export interface Target {
  host: string
  port: number
  database: string
  username: string
  password: string
  /** PEM of the host's CA. */
  ca: string
}

async function withClient<T>(
  target: Target,
  entry: string,
  act: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { host, port, username, password, ca } = target
  const client = new pg.Client({
    ...{ host, port, database: entry, user: username, password, ssl: { ca } },
    ...{ connectionTimeoutMillis: 5000, query_timeout: 20_000 },
  })
  // A connection that dies while nothing waits for it tells so by an event.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await act(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Writes a number, and reads all that are there. @throws whatever went wrong */
export async function deposit(target: Target, entry: string, number: number): Promise<number[]> {
  return await withClient(target, entry, async (client) => {
    await client.query('create table if not exists kept (number bigint primary key)')
    await client.query('insert into kept values ($1)', [number])
    const { rows } = await client.query<{ number: string }>('select number from kept order by number')
    return rows.map((row) => Number(row.number))
  })
}

/** `in`, or what the login was told. */
export async function loginAs(target: Target, entry: string): Promise<string> {
  try {
    return await withClient(target, entry, async (client) => {
      await client.query('select 1')
      return 'in'
    })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Writes into a table of the client's own until that fails. @returns what the last write was told */
export async function fill(target: Target): Promise<string> {
  try {
    return await withClient(target, `${target.database}_session`, async (client) => {
      // Without WAL: what the disk is full of is then a table, as with a tenant who loads too much.
      await client.query('create unlogged table if not exists filler (text text storage external)')
      for (;;) {
        await client.query(
          `insert into filler select repeat(md5(random()::text), 250) from generate_series(1, 2500)`,
        )
      }
    })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
