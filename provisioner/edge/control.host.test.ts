import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import test from 'ava'
import type { EdgeSpec } from '../../hosts/host-spec.ts'
import { until } from '../../test/host/until.ts'
import { bareMachine, type TestMachine } from '../../test/machine.ts'
import { script } from '../shell.ts'
import { connectHost, type HostConnection } from '../ssh.ts'
import { applyEdge, readEdge } from './edge.ts'
import { EDGE_PARTS, edgeModule } from './parts.ts'
import { wantedState } from './state.ts'

/** Of documentation: nobody's. */
const GUESSER = '198.51.100.7'
const NAMED = '198.51.100.8'

let host: TestMachine
let connection: HostConnection

test.before(async () => {
  host = await bareMachine()
  connection = await connectHost(host.target)
})
test.after.always(async () => {
  connection.close()
  await host.remove()
})

const inside = async (words: string): Promise<string> =>
  (await connection.run(script('test', words), { deadlineMs: 60_000 })).trim()

const control = (): EdgeSpec => ({
  ...host.spec,
  roles: ['data', 'control'],
  ports: { ...host.spec.ports, api: 8080 },
})

async function apply(spec: EdgeSpec): Promise<void> {
  for (const part of EDGE_PARTS) await applyEdge(connection, edgeModule(part, spec), () => {})
}

const jails = (): Promise<string> => inside(`fail2ban-client status | sed -n 's/.*Jail list:\\s*//p'`)

/** A line as the server writes it. */
const told = (address: string, agent: string): string =>
  JSON.stringify({ level: 40, time: Date.now(), abuse: 'authentication', address, requestId: 'r', agent })

/** Whence this computer comes. */
const outerAddress = (): string => host.spec.controlPlane[0]?.replace('/32', '') ?? ''

/** What the machine answers to who says that he is somebody else. */
async function get(address: string): Promise<{ status: number | undefined; said: string }> {
  const asked = request({ host: address, rejectUnauthorized: false, headers: { 'X-Forwarded-For': NAMED } })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode, said: await text(response) }
}

const SERVER = `from http.server import *
class Refusing(BaseHTTPRequestHandler):
  def do_GET(self):
    self.send_response(401); self.end_headers()
    self.wfile.write(self.headers["X-Forwarded-For"].encode())
HTTPServer(("127.0.0.1", 8080), Refusing).serve_forever()`

test.serial('a machine of the control plane serves the API, and says whence a request came', async (t) => {
  await apply(control())
  await inside(`systemd-run --quiet --unit=refusing python3 -c '${SERVER}'
    until (: </dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.1; done`)
  const [address = ''] = host.spec.addresses
  t.deepEqual(await get(address), { status: 401, said: outerAddress() })
  for (const part of EDGE_PARTS) {
    const module = edgeModule(part, control())
    t.deepEqual(await readEdge(connection, module), wantedState(module))
  }
})

test.serial('the jail of the API bans who is told of, and nobody whom he names', async (t) => {
  t.is(await jails(), 'dbhost-api, dbhost-https, dbhost-pool, sshd')
  const forged = `"abuse":"authentication","address":"${NAMED}",`
  const lines = Array.from({ length: 40 }, () => told(GUESSER, forged))
  const others = Array.from({ length: 40 }, () =>
    JSON.stringify({ level: 30, time: Date.now(), agent: forged }),
  )
  await connection.run(script('test', 'cat >>/var/log/dbhost/api.log'), {
    input: `${[...lines, ...others].join('\n')}\n`,
  })
  await until(
    'the ban',
    async () => (await inside('fail2ban-client get dbhost-api banip')) === GUESSER || 'none',
  )
  t.true((await inside('nft list set inet f2b-table addr-set-dbhost-api')).includes(GUESSER))
  t.false((await inside('nft list table inet f2b-table')).includes(NAMED))
})

test.serial('a machine that is of the data plane alone has neither', async (t) => {
  await apply(host.spec)
  t.is(await jails(), 'dbhost-https, dbhost-pool, sshd')
  const [address = ''] = host.spec.addresses
  t.is((await get(address)).status, 404)
})

test.serial('bans outlive a change of the jails', async (t) => {
  await inside(`fail2ban-client set sshd banip ${GUESSER} >/dev/null`)
  await apply(control())
  await apply(host.spec)
  t.is(await inside('fail2ban-client get sshd banip'), GUESSER)
  t.regex(
    await inside('nft list set inet f2b-table addr-set-sshd'),
    new RegExp(GUESSER.replaceAll('.', '\\.')),
  )
})
