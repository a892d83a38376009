import test from 'ava'
import { Database } from '../../api/model/database.ts'
import { Operation } from '../../api/model/operation.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import { readStanding } from '../host/host-facts.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

let running: RunningService

test.before(async () => {
  running = await RunningService.start()
})
test.after.always(async () => {
  await running?.remove()
})

const host = (text: string, input?: string): Promise<string> =>
  running.service.connection.run({ text, title: 'test' }, input === undefined ? {} : { input })

async function reloads(): Promise<number> {
  return Number(
    await host(`journalctl -u pgbouncer -o cat --no-pager | grep -c 'RELOAD command issued' || true`),
  )
}

const createMany = (prefix: string, count: number): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => running.create(`${prefix}-${index}`)))

test.serial('20 databases created at once take at most 3 reloads, and rows equal what stands', async (t) => {
  const hold = await running.holdAt('claimed')
  const first = running.create('first')
  await hold.reached()
  const before = await reloads()
  const many = createMany('many', 20)
  while ((await running.service.orm.em.fork().count(Operation, { state: 'queued' })) < 20) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  hold.release()
  const created = [await first, ...(await many)]
  t.true((await reloads()) - before <= 3)
  for (const database of created) t.is(await running.login(database), 'in')
  const rows = await running.service.orm.em.fork().find(Database, { deletedAt: null })
  const names = rows.map((row) => row.physicalName).toSorted()
  const entries = names.flatMap((name) => [name, `${name}_session`]).toSorted()
  const [outer4 = ''] = running.service.host.spec.controlPlane
  const standing = await readStanding(running)
  t.deepEqual(standing.databases, names)
  t.deepEqual(standing.roles, names)
  t.deepEqual(standing.users, names)
  t.deepEqual(standing.entries, entries)
  t.deepEqual(standing.localRules, entries)
  t.deepEqual(standing.firewall, [outer4.replace('/32', '')])
})

async function converge(): Promise<string> {
  const { queueConverge } = await import('../../api/services/hosts.ts')
  const { openQueue } = await import('../../api/services/queue.ts')
  const { ownerAddress } = await import('../../start/schema.ts')
  const { Host } = await import('../../api/model/host.ts')
  const { service } = running
  const queue = await openQueue(ownerAddress(service.installation), { supervise: false })
  const { id } = await service.orm.em
    .fork()
    .transactional((tx) => queueConverge({ queue }, tx, tx.getReference(Host, service.host.id)))
  for (;;) {
    const { body } = await service.request('GET', `/operations/${id}`)
    const { state, steps } = body as unknown as { state: string; steps: { name: string; detail: string }[] }
    if (state === 'succeeded' || state === 'failed') {
      await queue.close()
      return steps.map(({ name, detail }) => `${name}: ${detail}`).join('\n')
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test.serial('a converge of a host that is as wanted reports 0 changes', async (t) => {
  const told = await converge()
  t.regex(told, /configure: 0 changes/)
  t.regex(told, /tenants: no change/)
})

test.serial('what tenants have and somebody altered is found, named and mended', async (t) => {
  const database = await running.create('altered')
  const name = database.database
  await host(
    'psql -Xq -h /run/pgi/$(ls /run/pgi | head -1) -U dbhost -d postgres -f -',
    `alter role ${name} connection limit -1; alter role ${name} password 'thief'; grant connect on database ${name} to public;`,
  )
  await host(
    `sed -i 's|203|204|; $d' ${LAYOUT.pool.tenants}/hba.conf; echo 'flush set inet dbhost pg_allow4' > ${LAYOUT.allowSets}; nft -f ${LAYOUT.allowSets}`,
  )
  const told = await converge()
  for (const part of [
    'connection limit of the role is -1',
    'password differs',
    '-=CONNECT',
    'files of the pool',
  ]) {
    t.true(told.includes(part), `${part} in ${told}`)
  }
  t.is(await running.login(database), 'in')
  t.regex(await converge(), /tenants: no change/)
})

test.serial('a stopped instance is started again with its databases', async (t) => {
  const database = await running.create('stopped')
  await host('systemctl stop "pgi@$(ls /run/pgi | head -1).service"')
  t.regex(await converge(), /is inactive/)
  t.is(await running.login(database), 'in')
})

test.serial('a template that another run has made meanwhile is not made again', async (t) => {
  const images = '/var/lib/pgi-images'
  const standing = (): Promise<string> => host(`stat -c %i:%Y ${images}/template.img; ls -A ${images}`)
  const before = await standing()
  await host(`${LAYOUT.library}/cluster-template image "$(cat ${images}/template.digest)"`)
  t.is(await standing(), before)
})
