import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { WorkerStandIn } from '../../test/worker-stand-in.ts'

const app = await startApp()
test.after.always(() => app.close())

const { owner } = app.database
const administrator = { ...owner, user: 'postgres', database: 'postgres' }
const allow = (allowed: boolean) =>
  query(administrator, `alter database ${owner.database} allow_connections ${allowed}`)

test('while its database is away the service says so, and goes on when it is back', async (t) => {
  await app.worker.stop()
  await allow(false)
  await query(
    administrator,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${owner.database}'`,
  )
  for (const [method, path] of [
    ['GET', '/databases'],
    ['POST', '/projects'],
    ['GET', '/../../readyz'],
  ] as const) {
    const answer = await app.request(method, path, method === 'POST' ? { body: { name: 'lost' } } : {})
    t.is(answer.status, 503, `${path}: ${answer.text}`)
    t.like(answer.body, { code: 'NOT_READY', retryable: true })
    t.is(answer.headers['retry-after'], '5')
  }
  t.is((await app.request('GET', '/../../healthz')).status, 200)

  await allow(true)
  // Longer than the pause after which the listening connection is opened again.
  await sleep(1_500)
  t.is((await app.request('GET', '/../../readyz')).status, 200)
  const worker = new WorkerStandIn(app.em)
  const created = await app.request('POST', '/databases', { body: { name: 'after-outage' } })
  await worker.stop()
  t.is(created.status, 201, created.text)
})
