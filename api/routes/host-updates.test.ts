import test from 'ava'
import { startApp } from '../../test/app.ts'
import { query } from '../../test/database.ts'
import { createApiKey } from '../services/accounts.ts'

const app = await startApp()
test.after.always(() => app.close())

const updatesFor = async (key = app.key): Promise<Record<string, unknown>> => {
  const { text } = await app.request('GET', `/hosts/${app.host.id}`, { key })
  return (JSON.parse(text) as { updates: Record<string, unknown> }).updates
}

test.serial('W21 an operator sees which updates wait, everybody else how many', async (t) => {
  await app.request('POST', '/databases', { body: { name: 'shop' } })
  const { key } = await createApiKey(app.em, app.accountId, 'plain')
  const counts = { pending: 1, security: 1, restarts: 1 }
  const whole = await updatesFor()
  t.like(whole, { window: '04:00', rebootRequired: false, counts, restartsPending: ['dbus.service'] })
  t.is((whole.pending as unknown[]).length, 1)
  const { pending, restartsPending, ...rest } = whole
  t.deepEqual(await updatesFor(key), rest)
})

test.serial('W21 a host that was never looked at does not look up to date', async (t) => {
  await query(app.database.owner, 'update host set updates = null where id = $1', [app.host.id])
  t.deepEqual(await updatesFor(), { window: '04:00', checkedAt: null })
})
