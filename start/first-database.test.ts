import test from 'ava'
import { startApp } from '../test/app.ts'
import { ApiClient } from './api-client.ts'
import { FIRST_DATABASE, makeFirstDatabase } from './first-database.ts'

test('a first database whose create failed for good is brought up by the next start', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const api = new ApiClient(app.origin, app.key)
  app.worker.outcome = { code: 'AGENT_ERROR', message: 'The disk of the host is full.' }
  await t.throwsAsync(makeFirstDatabase(api), { message: /disk of the host is full/ })
  app.worker.outcome = 'succeed'
  const { name, password } = await makeFirstDatabase(api)
  t.is(name, FIRST_DATABASE)
  t.true(password.length > 0)
})
