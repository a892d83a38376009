import type { EntityManager } from '@mikro-orm/postgresql'
import { fromKysely, PgBoss, systemClock } from 'pg-boss'
import type { DatabaseAddress } from '../model/orm.ts'
import { HOST_QUEUE, STACK_QUEUE } from '../operations/kinds.ts'

const SCHEMA = 'boss'

/** Time as pg-boss counts it: by the computer's own clock it would wait for days after that was put back by days. */
const STEADY_CLOCK = { ...systemClock, now: () => performance.timeOrigin + performance.now() }

const newBoss = (address: DatabaseAddress, options: { migrate: boolean; supervise: boolean }): PgBoss =>
  new PgBoss({
    ...{ host: address.host, port: address.port, user: address.user, database: address.database },
    ...{
      schema: SCHEMA,
      migrate: options.migrate,
      createSchema: options.migrate,
      supervise: options.supervise,
    },
    ...{ schedule: false, useListenNotify: true, max: 6, application_name: 'dbhost queue' },
    // A worker that died is noticed by its missing heartbeat within two of these intervals.
    ...{ superviseIntervalSeconds: 5, monitorIntervalSeconds: 5 },
    clock: STEADY_CLOCK,
  })

/** Creates or updates the queue's tables; run by the owner of the database, before server and worker start. */
export async function installQueue(address: DatabaseAddress): Promise<void> {
  const boss = newBoss(address, { migrate: true, supervise: false })
  boss.on('error', () => undefined)
  await boss.start()
  try {
    const options = { heartbeatSeconds: 10, retryLimit: 0, expireInSeconds: 3600, notify: true }
    for (const queue of [HOST_QUEUE, STACK_QUEUE]) {
      if (await boss.getQueue(queue)) await boss.updateQueue(queue, options)
      // One job waiting and one active per host: any number of changes become one more pass.
      else await boss.createQueue(queue, { ...options, policy: 'stately' })
    }
  } finally {
    await boss.stop({ graceful: false })
  }
}

/** The queue of one program. @param supervise whether it also keeps the queue clean: workers do */
export interface HostQueue {
  boss: PgBoss
  /** Says that a host has work, in the transaction that writes the work: both are there or neither. */
  wakeHost(em: EntityManager, hostId: string): Promise<void>
  /** The same of the host's stack. */
  wakeStack(em: EntityManager, hostId: string): Promise<void>
  close(): Promise<void>
}

/** @param onError told of errors between calls: a lost connection, a failed poll */
export async function openQueue(
  address: DatabaseAddress,
  { supervise, onError = () => undefined }: { supervise: boolean; onError?: (error: Error) => void },
): Promise<HostQueue> {
  const boss = newBoss(address, { migrate: false, supervise })
  boss.on('error', onError)
  await boss.start()
  const wake = (queue: string) => async (em: EntityManager, hostId: string) => {
    await boss.send(queue, { hostId }, { singletonKey: hostId, db: fromKysely(em.getKysely()) })
  }
  return {
    ...{ boss, wakeHost: wake(HOST_QUEUE), wakeStack: wake(STACK_QUEUE) },
    close: () => boss.stop({ graceful: false }),
  }
}
