import test from 'ava'
import { openOrm } from '../api/model/orm.ts'
import { newDatabase, query } from './database.ts'

const database = await newDatabase()

test('the entities are what the migrations made', async (t) => {
  const orm = await openOrm(database.owner, 1)
  t.teardown(() => orm.close())
  const drift = await orm.schema.getUpdateSchemaSQL({ wrap: false })
  t.is(drift.replaceAll(/^.*mikro_orm_migrations.*$/gm, '').trim(), '')
})

test('W11 the server writes the SSH key of a host and cannot read it', async (t) => {
  const host = `insert into host (id, name, spec, created_at) values ('h', 'h', '{}', now())`
  await query(database.server, host)
  await query(database.server, `insert into host_credential values ('h', 'sealed')`)
  await t.throwsAsync(query(database.server, 'select * from host_credential'), {
    message: /permission denied/,
  })
  await t.throwsAsync(query(database.server, `update host_credential set sealed_key = 'x'`), {
    message: /permission denied/,
  })
  t.deepEqual(await query(database.worker, 'select sealed_key from host_credential'), [
    { sealed_key: 'sealed' },
  ])
})

test('neither program may change the schema or the list of migrations', async (t) => {
  for (const address of [database.server, database.worker]) {
    await t.throwsAsync(query(address, 'create table x ()'), { message: /permission denied/ })
    await t.throwsAsync(query(address, 'drop table database'), { message: /must be owner/ })
    await t.throwsAsync(query(address, 'delete from mikro_orm_migrations'), { message: /permission denied/ })
  }
})
