import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { createLogger } from '../../common/log.ts'
import { newBoxKeys } from '../../common/seal.ts'
import { newDatabase, query } from '../../test/database.ts'
import { openOrm } from '../model/orm.ts'
import { queueConverge, registerHost } from '../services/hosts.ts'
import { OperationWaiter } from '../services/operation-waiter.ts'
import { openQueue } from '../services/queue.ts'
import { claimOperations } from './claim.ts'
import { HOST_QUEUE } from './kinds.ts'
import { startSweep } from './sweep.ts'

/** What stands in rows that were written while the clock was two days ahead, and has been put right since. */
const AHEAD = "now() + interval '2 days'"

const database = await newDatabase()
const orm = await openOrm(database.owner, 4)
const log = createLogger('test', 'silent')
const queue = await openQueue(database.owner, { supervise: false })
const sql = (text: string) => query<{ count: string }>(database.owner, text)
const count = async (text: string): Promise<number> => Number((await sql(text))[0]?.count)

const { host } = await registerHost({ em: orm.em, queue, boxPublicKey: newBoxKeys().publicKey }, null, {
  kind: 'local',
  name: 'clocked',
  tenancy: 'shared',
})
const { id } = await orm.em.fork().transactional((tx) => queueConverge({ queue }, tx, host))

test.after.always(async () => {
  await queue.close()
  await orm.close()
})

async function swept(until: () => Promise<boolean>, looks = 100): Promise<boolean> {
  const end = startSweep(queue.boss, { em: orm.em, log })
  try {
    for (let look = 0; look < looks; look++) {
      if (await until()) return true
      await sleep(50)
    }
    return false
  } finally {
    await end()
  }
}

test.serial('an attempt that was put off while the clock was ahead is due when it is put back', async (t) => {
  await sql(`update operation set retry_at = ${AHEAD}`)
  t.deepEqual(
    (await claimOperations(orm.em, host.id, 'worker')).map((operation) => operation.id),
    [id],
  )
  await sql(
    `update operation set state = 'queued', claimed_by = null, retry_at = now() + interval '10 seconds'`,
  )
  t.deepEqual(await claimOperations(orm.em, host.id, 'worker'), [])
})

test.serial('a host that was woken while the clock was ahead is served when it is put back', async (t) => {
  await sql(`update boss.job set start_after = ${AHEAD} where name = '${HOST_QUEUE}'`)
  const ready = `select count(*) from boss.job where name = '${HOST_QUEUE}' and start_after <= now()`
  t.is(await count(ready), 0)
  t.true(await swept(async () => (await count(ready)) === 1))
})

test.serial('a worker that dies after the clock was put back is missed as soon as ever', async (t) => {
  await sql(`delete from boss.job`)
  await queue.boss.send(HOST_QUEUE, { hostId: host.id }, { singletonKey: host.id })
  await queue.boss.fetch(HOST_QUEUE)
  await sql(`update boss.job set heartbeat_on = ${AHEAD}`)
  await sql(
    `update boss.queue set monitor_claim_on = ${AHEAD}, monitor_on = ${AHEAD}, maintain_on = ${AHEAD}`,
  )
  await sql(
    `update boss.version set flow_on = ${AHEAD}, reindex_on = ${AHEAD}, monitor_backoff_on = ${AHEAD}`,
  )
  const ahead = `select
    (select count(*) from boss.job where heartbeat_on > now()) +
    (select count(*) from boss.queue where greatest(monitor_claim_on, monitor_on, maintain_on) > now()) +
    (select count(*) from boss.version where greatest(flow_on, reindex_on, monitor_backoff_on) > now()) as count`
  // One job, two queues, one version.
  t.is(await count(ahead), 4)
  t.true(await swept(async () => (await count(ahead)) === 0))
  await sql(`update boss.job set heartbeat_on = now() - interval '11 seconds'`)
  await sql(`update boss.queue set monitor_claim_on = now() - interval '6 seconds'`)
  await queue.boss.supervise(HOST_QUEUE)
  t.is(await count(`select count(*) from boss.job where state = 'active'`), 0)
})

test.serial('the supervision of the queue goes on while the clock is put back by days', async (t) => {
  const { now } = Date
  const watched = await openQueue(database.owner, { supervise: true })
  Date.now = () => now() - 48 * 3600_000
  try {
    await sql(`update boss.queue set monitor_claim_on = now() - interval '1 minute'`)
    const fresh = `select count(*) from boss.queue where monitor_claim_on > now() - interval '30 seconds'`
    let seen = 0
    for (let look = 0; look < 60 && seen === 0; look++) {
      await sleep(250)
      seen = await count(fresh)
    }
    t.not(seen, 0)
  } finally {
    Date.now = now
    await watched.close()
  }
})

test.serial('an operation of a day that has not come yet wakes its host', async (t) => {
  await sql(`delete from boss.job`)
  await sql(`update operation set retry_at = null, created_at = ${AHEAD}`)
  t.true(await swept(async () => (await count('select count(*) from boss.job')) === 1))
})

test.serial(
  'a host that was last seen on a day that has not come yet is compared with what is wanted',
  async (t) => {
    await sql(`update operation set state = 'succeeded', created_at = ${AHEAD}`)
    await sql(`update host set observed_at = ${AHEAD}, ssh = '{}'`)
    t.true(
      await swept(async () => (await count(`select count(*) from operation where state = 'queued'`)) === 1),
    )
  },
)

test.serial('a host that never answered is tried again every ten minutes', async (t) => {
  const queued = `select count(*) from operation where state = 'queued'`
  await sql(`update operation set state = 'failed', created_at = now() - interval '9 minutes'`)
  await sql(`update host set observed_at = null, observation = 'unreachable'`)
  t.false(await swept(async () => (await count(queued)) > 0, 20))
  await sql(`update operation set created_at = now() - interval '11 minutes'`)
  t.true(await swept(async () => (await count(queued)) === 1))
})

test.serial('a request does not wait for days because the clock was put back', async (t) => {
  await sql(`update operation set state = 'running', claimed_by = 'nobody'`)
  const waiter = new OperationWaiter(database.owner, orm.em, log)
  await waiter.open()
  const { now } = Date
  const waited = waiter.wait(id, 300)
  await sleep(50)
  Date.now = () => now() - 48 * 3600_000
  try {
    t.is(await Promise.race([waited.then(() => 'answered'), sleep(5000, 'waits')]), 'answered')
  } finally {
    Date.now = now
    await waiter.close()
  }
})
