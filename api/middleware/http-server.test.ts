import test from 'ava'
import { startApp } from '../../test/app.ts'
import { rawRequest } from '../../test/raw-request.ts'

const app = await startApp()
test.after.always(() => app.close())

const HOST = `Host: ${new URL(app.origin).host}`
const CLOSE = 'Connection: close'

test('what the HTTP parser refuses is a problem too', async (t) => {
  const cases: [string[], number, string][] = [
    [['nonsense'], 400, 'INVALID_REQUEST'],
    [['FOO /healthz HTTP/1.1', HOST], 400, 'INVALID_REQUEST'],
    [['GET /healthz HTTP/1.1', HOST, 'Content-Length: x'], 400, 'INVALID_REQUEST'],
    [['GET /healthz HTTP/1.1', HOST, `X-Large: ${'x'.repeat(20_000)}`], 431, 'INVALID_REQUEST'],
    [['GET /healthz HTTP/1.1', CLOSE], 421, 'MISDIRECTED_REQUEST'],
    [['GET /healthz HTTP/1.0'], 421, 'MISDIRECTED_REQUEST'],
  ]
  for (const [head, status, code] of cases) {
    const answer = await rawRequest(app.origin, head)
    t.is(answer.status, status, head.join().slice(0, 60))
    t.is(answer.headers['content-type'], 'application/problem+json')
    t.like(JSON.parse(answer.text), { status, code, retryable: false, errors: [] })
  }
})

test('an expectation that nobody knows does not end a request', async (t) => {
  const answer = await rawRequest(app.origin, ['GET /healthz HTTP/1.1', HOST, CLOSE, 'Expect: wonders'])
  t.is(answer.status, 200)
})
