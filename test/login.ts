import pg from 'pg'

export interface Login {
  host: string
  port: number
  database: string
  username: string
  password: string
}

/** A fresh login over verified TLS and one statement: the end of what is measured. */
export async function login({ host, port, database, username, password }: Login, ca: string): Promise<void> {
  const client = new pg.Client({ host, port, database, user: username, password, ssl: { ca } })
  await client.connect()
  await client.query('select 1')
  await client.end()
}
