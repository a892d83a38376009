import test from 'ava'
import { openOrm } from '../api/model/orm.ts'
import { newDatabase, query } from './database.ts'

const database = await newDatabase()

test('the entities are what the migrations made', async (t) => {
  const orm = await openOrm(database.owner, 1)
  t.teardown(() => orm.close())
  const drift = await orm.schema.getUpdateSchemaSQL({ wrap: false })
  // Triggers are no part of an entity.
  const others = /^.*mikro_orm_migrations.*$|^drop (trigger|function) if exists "[a-z_]*document_of_.*$/gm
  t.is(drift.replaceAll(others, '').trim(), '')
})

test('neither program may change the schema or the list of migrations', async (t) => {
  for (const address of [database.server, database.worker]) {
    await t.throwsAsync(query(address, 'create table x ()'), { message: /permission denied/ })
    await t.throwsAsync(query(address, 'drop table database'), { message: /must be owner/ })
    await t.throwsAsync(query(address, 'delete from mikro_orm_migrations'), { message: /permission denied/ })
  }
})
