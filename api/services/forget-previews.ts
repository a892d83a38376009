import type { EntityManager } from '@mikro-orm/postgresql'

const KEPT_HOURS = 25

/** Hosts that somebody only asked about: gone as soon as they were made, and nothing but that was done with them. */
const ASKED_ABOUT = `
  select h.id from host h
  where h.removed_at < now() - make_interval(hours => ${KEPT_HOURS})
    and exists (select from operation o where o.host_id = h.id)
    and not exists (select from operation o where o.host_id = h.id and o.kind <> 'preview-host')`

/** Removes what previews of purchases left, with their answers; these can be replayed for a day. */
export async function forgetPreviews(em: EntityManager): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const run = (sql: string, parameters: string[] = []) =>
      tx.getConnection().execute<{ id: string }[]>(sql, parameters, 'all', tx.getTransactionContext())
    const ids = (await run(ASKED_ABOUT)).map(({ id }) => id).join(',')
    if (ids === '') return
    const of = `any(string_to_array(?, ','))`
    await run(
      `delete from operation_step where operation_id in (select id from operation where host_id = ${of})`,
      [ids],
    )
    for (const table of ['operation', 'host_credential', 'host_revision'])
      await run(`delete from ${table} where host_id = ${of}`, [ids])
    await run(`delete from host where id = ${of}`, [ids])
  })
}
