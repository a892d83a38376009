import type { DatabaseAddress } from '../api/model/orm.ts'
import { query } from './database.ts'

/** Every row of every table outside PostgreSQL's own schemas, as text. */
export async function dumpOf(address: DatabaseAddress): Promise<string> {
  const tables = await query<{ name: string }>(
    address,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  )
  const dumps = tables.map(async ({ name }) => {
    const rows = await query<{ row: string }>(address, `select t::text as row from ${name} t`)
    return [name, ...rows.map(({ row }) => row)].join('\n')
  })
  return (await Promise.all(dumps)).join('\n')
}
