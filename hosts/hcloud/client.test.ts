import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import { Secret } from '../../common/secret.ts'
import { HetznerEmulator } from '../../test/hetzner/emulator.ts'
import { type CloudAccess, CloudError, find, get, list } from './client.ts'

const location = z.object({ name: z.string() })
const TOKEN = 'x'.repeat(64)

async function emulated(
  t: ExecutionContext,
  options?: Parameters<typeof HetznerEmulator.start>[0],
): Promise<{ emulator: HetznerEmulator; access: CloudAccess }> {
  const emulator = await HetznerEmulator.start(options)
  t.teardown(() => emulator.close().catch(() => undefined))
  return { emulator, access: { token: new Secret(emulator.token), endpoint: emulator.endpoint } }
}

/** A server that is not Hetzner's. */
async function other(t: ExecutionContext, answer: RequestListener): Promise<CloudAccess> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { token: new Secret(TOKEN), endpoint: `http://127.0.0.1:${port}/v1` }
}

/** The error of a call. */
async function failure(t: ExecutionContext, access: CloudAccess, path = '/locations'): Promise<CloudError> {
  const error = await t.throwsAsync(get(access, path, z.looseObject({})), { instanceOf: CloudError })
  if (!error) throw new Error('it did not fail')
  t.false(error.message.includes(access.token.reveal() || TOKEN))
  t.is(error.cause, undefined)
  return error
}

test('a list comes whole, however many pages it has', async (t) => {
  const { emulator, access } = await emulated(t)
  for (let index = 0; index < 51; index += 1) {
    await fetch(`${emulator.endpoint}/placement_groups`, {
      method: 'POST',
      headers: { authorization: `Bearer ${emulator.token}` },
      body: JSON.stringify({ name: `g${index}`, type: 'spread' }),
    })
  }
  t.is((await list(access, 'placement_groups', location)).length, 51)
  t.deepEqual(await list(access, 'locations', location, { query: { name: 'hel1' } }), [{ name: 'hel1' }])
})

test('a token that is unknown, may do too little, or is none', async (t) => {
  const { emulator, access } = await emulated(t)
  const unknown = await failure(t, { ...access, token: new Secret(TOKEN) })
  t.is(unknown.kind, 'token')
  t.regex(unknown.message, /HCLOUD_TOKEN=… npm start/)
  t.is((await failure(t, { ...access, token: new Secret('') })).kind, 'token')
  t.is((await failure(t, { ...access, token: new Secret('two\nlines') })).kind, 'token')
  emulator.fail({ method: 'GET', path: /./, with: { error: 'forbidden' } })
  t.is((await failure(t, access)).kind, 'token')
})

test('too many requests', async (t) => {
  const { access } = await emulated(t, { rateLimit: 1 })
  await get(access, '/locations', z.looseObject({}))
  const { kind, message } = await failure(t, access)
  t.is(kind, 'rate-limit')
  t.regex(message, /again in some minutes/)
})

test('a server that is gone, hangs up, or says that it is broken', async (t) => {
  const { emulator, access } = await emulated(t)
  emulator.fail({ method: 'GET', path: /./, with: { lose: 'request' } })
  t.is((await failure(t, access)).kind, 'unreachable')
  emulator.fail({ method: 'GET', path: /./, with: { error: 'server_error' } })
  t.is((await failure(t, access)).kind, 'unreachable')
  const { endpoint = '' } = access
  await emulator.close()
  const { message, kind } = await failure(t, access)
  t.is(kind, 'unreachable')
  t.true(message.includes(`at ${new URL(endpoint).host} (ECONNREFUSED): look at the network`))
})

test('a server that hangs, before its answer and in the middle of it', async (t) => {
  const { emulator, access } = await emulated(t)
  emulator.fail({ method: 'GET', path: /./, with: { hold: 'reply' } })
  const { kind, message } = await failure(t, { ...access, deadlineMs: 100 })
  t.is(kind, 'unreachable')
  t.regex(message, /no answer within 100 ms/)
  const halfway = await other(t, (_, response) => void response.write('{'))
  t.regex((await failure(t, { ...halfway, deadlineMs: 100 })).message, /no answer within 100 ms/)
})

test('what answers may be something else', async (t) => {
  const page = await other(t, (_, response) => void response.end('<html>'))
  t.is((await failure(t, page)).kind, 'unreachable')
  const missing = await other(t, (_, response) => void response.writeHead(404).end('nothing here'))
  t.is((await failure(t, missing)).kind, 'unreachable')
  const endless = await other(t, (_, response) => {
    const write = (): void => {
      while (response.writable && response.write(' '.repeat(65_536)));
    }
    response.on('drain', write)
    write()
  })
  t.regex((await failure(t, endless)).message, /does not end/)
  const wrong = await other(t, (_, response) => void response.end('{"locations":[{"name":1}]}'))
  const error = await t.throwsAsync(list(wrong, 'locations', location), { instanceOf: CloudError })
  t.is(error?.kind, 'unreachable')
})

test('the token goes nowhere else, and what repeats it is not repeated', async (t) => {
  const seen: (string | undefined)[] = []
  const thief = await other(t, ({ headers }, response) => {
    seen.push(headers.authorization)
    response.end('{}')
  })
  const redirecting = await other(
    t,
    (_, response) => void response.writeHead(307, { location: `${thief.endpoint}/locations` }).end(),
  )
  t.is((await failure(t, redirecting)).kind, 'unreachable')
  t.deepEqual(seen, [])
  const echo = await other(t, ({ headers }, response) => {
    const error = { code: 'invalid_input', message: `what is ${headers.authorization}` }
    response.writeHead(422).end(JSON.stringify({ error }))
  })
  const { kind, message } = await failure(t, echo, '/locations?name=fsn1')
  t.is(kind, 'refused')
  t.is(message, 'Hetzner Cloud does not answer /locations: what is Bearer [secret] (invalid_input).')
  for (const endpoint of ['nonsense', 'ftp://example.org', `http://me:${TOKEN}@127.0.0.1`])
    t.regex((await failure(t, { ...echo, endpoint })).message, /^HCLOUD_ENDPOINT is not/)
})

test('what need not be there is told apart from what could not be asked', async (t) => {
  const { access } = await emulated(t)
  const shape = z.object({ volume: z.object({ id: z.number() }) })
  t.is(await find(access, '/volumes/4711', shape), undefined)
  const refused = async (status: number, code?: string): Promise<string | undefined> => {
    const cloud = await other(t, (_, response) => {
      response.writeHead(status).end(code && JSON.stringify({ error: { code, message: 'no' } }))
    })
    const error = await t.throwsAsync(find(cloud, '/volumes/4711', shape), { instanceOf: CloudError })
    return error?.kind
  }
  t.is(await refused(401, 'unauthorized'), 'token')
  t.is(await refused(403, 'forbidden'), 'token')
  t.is(await refused(429, 'rate_limit_exceeded'), 'rate-limit')
  t.is(await refused(500), 'unreachable')
  t.is(await refused(404), 'unreachable', 'none of the API’s own answers')
})
