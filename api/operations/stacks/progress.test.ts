import test from 'ava'
import { newBoxKeys } from '../../../common/seal.ts'
import { newDatabase, query } from '../../../test/database.ts'
import { Operation } from '../../model/operation.ts'
import { openOrm } from '../../model/orm.ts'
import { registerHost } from '../../services/hosts.ts'
import { openQueue } from '../../services/queue.ts'
import { adoptHosts } from '../../services/stacks.ts'
import { lastProgress } from './progress.ts'

const database = await newDatabase()
const orm = await openOrm(database.owner, 4)
const queue = await openQueue(database.owner, { supervise: false })
test.after.always(async () => {
  await queue.close()
  await orm.close()
})

test('what each attempt does anew is no progress', async (t) => {
  const context = { em: orm.em, queue, boxPublicKey: newBoxKeys().publicKey }
  await registerHost(context, null, { kind: 'local', name: 'slow', tenancy: 'shared' })
  const sql = (text: string) => query(database.owner, text)
  await sql(`update host set converged_digest = 'x', ssh = '{}'`)
  const [adoption] = await adoptHosts(context)
  await sql(`update operation set created_at = now() - interval '1 hour'`)
  const operation = await orm.em.fork().findOneOrFail(Operation, { id: adoption?.id ?? '' })
  const done = (step: string, ago: string) =>
    sql(
      `update operation_step set state = 'done', finished_at = now() - interval '${ago}' where name = '${step}'`,
    )
  await done('engine', '1 second')
  t.is(await lastProgress(orm.em, operation), operation.createdAt.getTime())
  await done('adopt', '5 minutes')
  const ago = Date.now() - (await lastProgress(orm.em, operation))
  t.true(ago > 290_000 && ago < 400_000, String(ago))
})
