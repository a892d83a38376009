import test from 'ava'
import { startApp } from '../../test/app.ts'

const app = await startApp()
test.after.always(() => app.close())

test('each thing has one address', async (t) => {
  for (const path of ['/databases/', '/Databases', '//databases', '/hosts%2f']) {
    const answer = await app.request('GET', path)
    t.is(answer.status, 404, path)
    t.is(answer.headers['content-type'], 'application/problem+json', path)
  }
})

test('HEAD is GET without the body', async (t) => {
  const get = await app.request('GET', '/hosts')
  const head = await app.request('HEAD', '/hosts')
  t.is(head.status, 200)
  t.is(head.text, '')
  t.is(head.headers['content-length'], get.headers['content-length'])
  const nothing = await app.request('HEAD', '/nothing')
  t.is(nothing.status, 404)
  t.is(nothing.text, '')
})

test('an address says which methods it has; where there is none, no method is refused', async (t) => {
  const options = await app.request('OPTIONS', '/databases')
  t.is(options.status, 200)
  t.deepEqual(options.headers.allow?.split(', ').toSorted(), ['GET', 'HEAD', 'POST'])
  for (const method of ['PROPFIND', 'PATCH', 'OPTIONS']) {
    const answer = await app.request(method, '/nothing')
    t.is(answer.body.code, 'NOT_FOUND', method)
    t.is(answer.headers.allow, undefined)
  }
})
