import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import Koa from 'koa'
import { createLogger } from '../../common/log.ts'
import { send } from '../../test/send.ts'
import { problems } from './problems.ts'
import { FailureBudget, rateLimit, sourceOf } from './rate-limit.ts'

const app = new Koa()
const failures = new FailureBudget()
app.use(problems(createLogger('test', 'silent')))
app.use(async (ctx, next) => {
  ctx.state.actor = { credentialId: ctx.get('x-credential') || undefined }
  if (ctx.path === '/bad-key') failures.spend(ctx)
  await next()
})
app.use(rateLimit())
app.use((ctx) => {
  ctx.body = {}
})
const server = createServer(app.callback()).listen(0, '127.0.0.1')
test.before(async () => {
  if (!server.listening) await once(server, 'listening')
})
test.after.always(() => {
  server.close()
  server.closeAllConnections()
})

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const ask = (credential: string) => send(origin(), 'GET', { headers: { 'x-credential': credential } })

test('each answer says what is left, and who sends too much waits alone', async (t) => {
  const first = await ask('busy')
  t.like(first.headers, { 'ratelimit-limit': '3000', 'ratelimit-remaining': '2999' })
  t.true(Number(first.headers['ratelimit-reset']) <= 60)
  for (let sent = 0; sent < 3000; sent += 100) {
    await Promise.all(
      Array.from({ length: 100 }, () => fetch(origin(), { headers: { 'x-credential': 'busy' } })),
    )
  }
  const limited = await ask('busy')
  t.is(limited.status, 429)
  t.like(limited.body, { code: 'RATE_LIMITED', retryable: true })
  t.is(limited.headers['ratelimit-remaining'], '0')
  t.true(Number(limited.headers['retry-after']) >= 1)
  t.is((await ask('calm')).status, 200)
})

test('bad keys have a small budget of their own', async (t) => {
  const statuses = []
  for (let sent = 0; sent < 32; sent++) statuses.push((await send(`${origin()}/bad-key`, 'GET', {})).status)
  t.deepEqual(statuses.slice(28), [200, 200, 429, 429])
  const refused = await send(`${origin()}/bad-key`, 'GET', {})
  t.true(Number(refused.headers['retry-after']) >= 1)
  t.is((await ask('good')).status, 200)
})

test('an IPv6 customer is one source, whatever address of the own network is used', (t) => {
  t.is(sourceOf('2001:db8:1:2:aaaa::1'), sourceOf('2001:db8:1:2:bbbb::2'))
  t.not(sourceOf('2001:db8:1:2::1'), sourceOf('2001:db8:1:3::1'))
  t.is(sourceOf('::ffff:203.0.113.7'), '203.0.113.7/32')
})
