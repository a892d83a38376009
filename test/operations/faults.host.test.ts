import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Database } from '../../api/model/database.ts'
import { Operation } from '../../api/model/operation.ts'
import { OPERATION_STEPS } from '../../api/operations/kinds.ts'
import { readStanding } from '../host/host-facts.ts'
import { RunningService } from '../host/running-service.ts'

let running: RunningService

test.before(async () => {
  running = await RunningService.start()
})
test.after.always(async () => {
  await running?.remove()
})

const checkpoints = (kind: keyof typeof OPERATION_STEPS): string[] => [
  'claimed',
  ...OPERATION_STEPS[kind].map((step) => `${kind}:${step}`),
  'finished',
]

/** Rows and host agree: every database, role, entry and user once, and nothing else. */
async function whole(): Promise<string | undefined> {
  const rows = await running.service.orm.em.fork().find(Database, { deletedAt: null })
  const names = rows.map((row) => row.physicalName).toSorted()
  const entries = names.flatMap((name) => [name, `${name}_session`]).toSorted()
  const standing = await readStanding(running)
  const wrong = Object.entries({ databases: names, roles: names, users: names, entries, localRules: entries })
    .filter(
      ([key, wanted]) => JSON.stringify(standing[key as keyof typeof standing]) !== JSON.stringify(wanted),
    )
    .map(([key]) => key)
  return wrong.length === 0 ? undefined : `${wrong.join(', ')} differ from the rows`
}

async function noOpenOperations(): Promise<void> {
  for (;;) {
    const open = await running.service.orm.em
      .fork()
      .count(Operation, { state: { $in: ['queued', 'running'] } })
    if (open === 0) return
    await sleep(50)
  }
}

for (const checkpoint of checkpoints('create-database')) {
  test.serial(`a create is whole though its worker was killed at ${checkpoint}`, async (t) => {
    running.dieAt(checkpoint)
    const database = await running.create(`fault-${checkpoint.replace(/.*:/, '')}`)
    await noOpenOperations()
    t.true(await running.died(checkpoint))
    t.is(await running.login(database), 'in')
    t.is(await running.login(database, `${database.database}_session`), 'in')
    t.is(await whole(), undefined)
  })
}

for (const checkpoint of checkpoints('reset-password')) {
  test.serial(`a reset is whole though its worker was killed at ${checkpoint}`, async (t) => {
    const database = await running.create(`reset-${checkpoint.replace(/.*:/, '')}`)
    await noOpenOperations()
    running.dieAt(checkpoint)
    const { status, body } = await running.service.request(
      'POST',
      `/databases/${database.id}/reset-password`,
      {},
    )
    await noOpenOperations()
    t.is(status, 200)
    t.true(await running.died(checkpoint))
    t.not(await running.login(database), 'in')
    t.is(await running.login({ ...database, password: body.password }), 'in')
    t.is(await whole(), undefined)
  })
}

for (const checkpoint of checkpoints('delete-database')) {
  test.serial(`a delete is whole though its worker was killed at ${checkpoint}`, async (t) => {
    const database = await running.create(`delete-${checkpoint.replace(/.*:/, '')}`)
    await noOpenOperations()
    running.dieAt(checkpoint)
    const { status } = await running.service.request('DELETE', `/databases/${database.id}`)
    await noOpenOperations()
    t.is(status, 204)
    t.true(await running.died(checkpoint))
    t.not(await running.login(database), 'in')
    t.is(await whole(), undefined)
  })
}

test.serial('a pass whose SSH connection is cut in the middle is finished by the next', async (t) => {
  const hold = await running.holdAt('create-database:role')
  const created = running.create('cut-ssh')
  await hold.reached()
  const { connection } = running.service
  const own = (await connection.run({ text: 'echo $PPID', title: 'own session' })).trim()
  await connection.run({
    text: `for pid in $(pgrep -f '^sshd-session: root@'); do [ "$pid" = ${own} ] || [ "$pid" = "$(ps -o ppid= -p ${own} | tr -d ' ')" ] || kill -9 "$pid"; done`,
    title: 'cut the others',
  })
  hold.release()
  t.is(await running.login(await created), 'in')
  t.is(await whole(), undefined)
})
