import test from 'ava'
import { SERVER, started } from './started.ts'

test('faults answer for the call that they are meant for', async (t) => {
  const { emulator, api } = await started(t)
  emulator.fail({ method: 'GET', path: /^\/servers$/, nth: 2, with: { error: 'conflict', message: 'again' } })
  t.is(await api.refusal('GET', '/servers'), '200')
  t.is(await api.refusal('GET', '/volumes'), '200')
  t.is(await api.refusal('GET', '/servers'), '409 conflict')
  t.is(await api.refusal('GET', '/servers'), '200')
  emulator.fail({ method: 'GET', path: /./, times: 3, with: { error: 'rate_limit_exceeded' } })
  for (let index = 0; index < 3; index += 1)
    t.is(await api.refusal('GET', '/servers'), '429 rate_limit_exceeded')
  t.is(await api.refusal('GET', '/servers'), '200')

  const creating = { method: 'POST', path: /^\/servers$/, times: Infinity }
  emulator.fail({ ...creating, with: { soldOut: { serverType: 'cx23', location: 'fsn1' } } })
  t.is(await api.refusal('POST', '/servers', SERVER), '412 resource_unavailable')
  t.is(await api.refusal('POST', '/servers', { ...SERVER, location: 'nbg1' }), '201')
  emulator.fail({ ...creating, with: { limit: 'server_limit' } })
  const limited = await api.call('POST', '/servers', { ...SERVER, name: 'two', location: 'nbg1' })
  t.is(limited.status, 403)
  t.deepEqual(limited.body.error.details as unknown, { limits: [{ name: 'server_limit' }] })
  emulator.resetFaults()
  t.is(await api.refusal('POST', '/servers', { ...SERVER, name: 'two' }), '201')
  t.deepEqual(emulator.calls.slice(-2), [
    { method: 'POST', path: '/servers', status: 403 },
    { method: 'POST', path: '/servers', status: 201 },
  ])
})

test('actions fail and take long on command', async (t) => {
  const { emulator, api } = await started(t)
  const { server } = await api.done('POST', '/servers', SERVER)
  const path = `/servers/${server.id}`
  emulator.fail({ method: 'POST', path: /poweroff$/, with: { actionError: 'action_failed', message: 'no' } })
  const { ended } = await api.done('POST', `${path}/actions/poweroff`)
  t.like(ended[0], { status: 'error', error: { code: 'action_failed', message: 'no' } })
  t.is((await api.get(path)).server.status, 'running')
  emulator.fail({ method: 'POST', path: /poweroff$/, with: { actionMs: 60_000 } })
  const { body } = await api.call('POST', `${path}/actions/poweroff`)
  t.is(body.action.status, 'running')
  t.is(await api.refusal('DELETE', path), '423 locked')
  emulator.fail({ method: 'POST', path: /^\/servers$/, with: { actionError: 'action_failed' } })
  const failed = await api.done('POST', '/servers', { ...SERVER, name: 'two' })
  t.deepEqual(
    failed.ended.map(({ status }) => status),
    ['error', 'error'],
  )
  const two = `/servers/${failed.server.id}`
  t.is((await api.get(two)).server.status, 'off')
  emulator.fail({ method: 'DELETE', path: /./, with: { actionMs: 60_000 } })
  t.is(await api.refusal('DELETE', two), '200')
  t.is((await api.get(two)).server.status, 'deleting')
})

test('replies and requests get lost, and effects come late', async (t) => {
  const { emulator, api } = await started(t)
  const group = (name: string) => api.call('POST', '/placement_groups', { name, type: 'spread' })
  const rule = { method: 'POST', path: /^\/placement_groups$/ }
  const reached = emulator.reached('POST', /^\/placement_groups$/)
  emulator.fail({ ...rule, with: { lose: 'reply' } })
  await t.throwsAsync(group('kept'))
  await reached
  emulator.fail({ ...rule, with: { lose: 'request' } })
  await t.throwsAsync(group('gone'))
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept'] })

  emulator.fail({ ...rule, with: { delayMs: 400 } })
  const late = group('late')
  t.like((await api.get('/placement_groups?name=late')).meta.pagination, { total_entries: 0 })
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept'] })
  await late
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept', 'late'] })

  emulator.fail({ ...rule, with: { hold: 'reply' } })
  const effect = emulator.reached('POST', /^\/placement_groups$/)
  const held = group('held')
  t.deepEqual(await effect, { method: 'POST', path: '/placement_groups' })
  t.deepEqual(emulator.holdings(), { placement_groups: ['held', 'kept', 'late'] })
  await emulator.close()
  await t.throwsAsync(held)
})
