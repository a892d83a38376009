import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import { Client } from 'pg'
import { scramVerifier } from '../../common/scram.ts'
import { Secret } from '../../common/secret.ts'
import { bareMachine, type TestMachine } from '../../test/machine.ts'
import { LAYOUT } from '../layout.ts'
import { script, sh } from '../shell.ts'
import { connectHost, type HostConnection } from '../ssh.ts'
import { applyHost } from './apply.ts'
import { readHostFacts } from './facts.ts'
import { planHost } from './plan.ts'
import { hostWanted } from './wanted.ts'

const INSTANCE = 'iabcdefghij'
const PASSWORD = 'pencil'

let host: TestMachine
let connection: HostConnection
let ca = ''

const inside = async (text: string): Promise<string> => (await connection.run(script('test', text))).trim()

test.before(async () => {
  host = await bareMachine()
  connection = await connectHost(host.target)
  const wanted = hostWanted(host.spec)
  await applyHost(connection, planHost(wanted, await readHostFacts(connection, wanted)), () => {})
  ca = await connection.run(sh`cat ${LAYOUT.ca}`)
})
test.after.always(async () => {
  connection.close()
  await host.remove()
})

/** The SHA-256 fingerprint of the certificate on 6432, verified for this address as verify-full does. */
function fingerprint(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address, port: host.spec.ports.pooler, timeout: 1500 })
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
    // The message by which PostgreSQL's clients ask for TLS.
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])))
    socket.once('data', () => {
      const tls = connectTls({ socket, ca, host: address }, () => {
        resolve(tls.getPeerCertificate().fingerprint256)
        tls.destroy()
      })
      tls.once('error', reject)
    })
  })
}

const login = async (address: string): Promise<Client> => {
  const client = new Client({
    host: address,
    port: host.spec.ports.pooler,
    database: 't1',
    user: 't1',
    password: PASSWORD,
    ssl: { ca },
    connectionTimeoutMillis: 3000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function allow(cidrs: string[]): Promise<void> {
  const lines = cidrs.map(
    (cidr) => `add element inet dbhost pg_allow${cidr.includes(':') ? 6 : 4} { ${cidr} }`,
  )
  const text = ['flush set inet dbhost pg_allow4', 'flush set inet dbhost pg_allow6', ...lines].join('\n')
  await connection.run(sh`${LAYOUT.library}/allow-apply 1`, { input: `${text}\n` })
}

async function until<T>(what: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = await what()
    if (holds(value) || Date.now() > deadline) return value
    await sleep(100)
  }
}

test.serial('the pooler answers on verified TLS to addresses of the set, and to no other', async (t) => {
  const { address4, address6, outer4, outer6 } = host.machine
  await t.throwsAsync(fingerprint(address4), { message: 'no answer' })
  await t.throwsAsync(fingerprint(address6), { message: 'no answer' })
  await allow([`${outer4}/32`])
  const shown = await fingerprint(address4)
  await t.throwsAsync(fingerprint(address6), { message: 'no answer' })
  await allow([`${outer4}/32`, `${outer6}/128`])
  t.is(await fingerprint(address6), shown)
})

test.serial('an instance copied from the template serves a login through the pooler', async (t) => {
  const { outer4, outer6, address4, address6 } = host.machine
  const gigabyte = 1024 ** 3
  await connection.run(sh`${LAYOUT.library}/instance-ensure ${INSTANCE} image ${gigabyte} ${gigabyte} 300`)
  await connection.run(sh`systemctl start ${`pgi@${INSTANCE}.service`}`)
  const verifier = scramVerifier(new Secret(PASSWORD))
  const psql = sh`psql -Xq -v ON_ERROR_STOP=1 -h /run/pgi/${INSTANCE} -U dbhost -d postgres`
  await connection.run(psql, {
    input: `create role t1 login password '${verifier}'; create database t1 template tpl_tenant;
      grant connect on database t1 to t1;`,
  })
  const generation = `${LAYOUT.pool.generations}/0123456789abcdef-1`
  const files = {
    'databases.ini': `t1 = host=/run/pgi/${INSTANCE} dbname=t1\n`,
    'hba.conf': `hostssl "t1" "t1" ${outer4}/32 scram-sha-256\nhostssl "t1" "t1" ${outer6}/128 scram-sha-256\n`,
    'userlist.txt': `"t1" "${verifier}"\n`,
  }
  await connection.run(sh`install -d -m 0750 -g pgbouncer ${generation}`)
  for (const [name, input] of Object.entries(files)) {
    await connection.run(sh`cat > ${generation}/${name} && chgrp pgbouncer ${generation}/${name}`, { input })
  }
  await connection.run(sh`ln -sfn ${generation} ${LAYOUT.pool.tenants} && systemctl reload pgbouncer`)
  for (const address of [address4, address6]) {
    const client = await login(address)
    t.deepEqual((await client.query('select current_user')).rows, [{ current_user: 't1' }])
    await client.end()
  }
})

const RENEWALS: [string, string][] = [
  ["Caddy's leaf", 'rm -r /var/lib/caddy/.local/share/caddy/certificates/local; systemctl restart caddy'],
  [
    "Caddy's intermediate",
    'rm /var/lib/caddy/.local/share/caddy/pki/authorities/local/intermediate.*; systemctl restart caddy',
  ],
]

for (const [what, renew] of RENEWALS) {
  test.serial(`a renewal of ${what} reaches the pooler and ends no session`, async (t) => {
    const client = await login(host.machine.address4)
    await client.query('begin')
    const before = await fingerprint(host.machine.address4)
    const pid = await inside('systemctl show -p MainPID --value pgbouncer')
    await inside(renew)
    const after = await until(
      () => fingerprint(host.machine.address4),
      (shown) => shown !== before,
    )
    t.not(after, before)
    t.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }])
    await client.end()
    t.is(await inside('systemctl show -p MainPID --value pgbouncer'), pid)
    t.is(
      await inside(
        'find /etc/pgbouncer/certificates -name ".new*"; systemctl is-failed pool-certificate || true',
      ),
      'inactive',
    )
  })
}

test.serial('a pooler that is killed is back within two seconds, with what was in force', async (t) => {
  await inside('systemctl kill --signal=KILL pgbouncer')
  await until(
    () =>
      login(host.machine.address4)
        .then((client) => client.end().then(() => true))
        .catch(() => false),
    (back) => back,
  )
  // Written when the unit has started, a moment after the first login is possible.
  const loaded = script('loaded', 'until cat "$1" 2>/dev/null; do sleep 0.05; done', LAYOUT.pool.loaded)
  t.is(await connection.run(loaded, { deadlineMs: 5000 }), '0123456789abcdef-1\n')
})

test.serial(
  'the pooler starts with the last whole files and the pair in force, even when Caddy is dead',
  async (t) => {
    await inside('systemctl stop caddy pgbouncer; rm /etc/pgbouncer/tenants; rm -f /run/dbhost/pending/*')
    await inside('systemctl start pgbouncer')
    await (await login(host.machine.address4)).end()
    await inside('systemctl start caddy')
    t.is(await connection.run(sh`cat ${LAYOUT.pool.loaded}`), '0123456789abcdef-1\n')
  },
)
