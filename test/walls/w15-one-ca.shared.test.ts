import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Host } from '../../api/model/host.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script, sh } from '../../provisioner/shell.ts'
import type { HostConnection } from '../../provisioner/ssh.ts'
import { Neighbour } from '../host/neighbour.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { RunningService } from '../host/running-service.ts'
import { type Answer, connectTo } from '../host/service.ts'
import { loginAnswer } from '../host/session.ts'

type Created = Answer & { connectionString: string; caCertificate: string; caUrl: string }

/** Prints a key and a chain for these addresses, by the authority of the host that it runs on. */
const SIGN = `
cd "$(mktemp -d)" && trap 'rm -r "$PWD"' EXIT
authority=/var/lib/caddy/.local/share/caddy/pki/authorities/local
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key -subj /CN=stolen -out request 2>/dev/null
sans=$(printf ',IP:%s' "$@")
printf 'subjectAltName=%s\\nextendedKeyUsage=serverAuth\\n' "\${sans#,}" >extensions
openssl x509 -req -in request -CA $authority/intermediate.crt -CAkey $authority/intermediate.key -days 1 \\
  -extfile extensions -out leaf 2>/dev/null
cat key leaf $authority/intermediate.crt`

/** Puts what is on standard input in the place of PgBouncer's pair. */
const PUT = `
new=/etc/pgbouncer/certificates/w15
install -d -m 0750 -g pgbouncer $new
cat >$new/server.key && cp $new/server.key $new/server.crt
chgrp pgbouncer $new/* && chmod 0640 $new/*
ln -sfn $new /etc/pgbouncer/tls && systemctl reload pgbouncer`

const folder = mkdtempSync(join(tmpdir(), 'dbhost-w15-'))
let running: RunningService
let second: HostConnection
let watched: Neighbour
let here: Created
let there: Created

test.before(async () => {
  running = await RunningService.shared()
  const { code, output } = await running.clone.run('admin', 'host', 'add', 'w15', '--kind', 'local')
  if (code !== 0) throw new Error(output)
  const { orm, host } = running.service
  second = await connectTo(running.service, await orm.em.fork().findOneOrFail(Host, { name: 'w15' }))
  here = (await running.createApart('w15-here', { host: host.name })) as Created
  there = (await running.createApart('w15-there', { host: 'w15' })) as Created
  watched = await Neighbour.watch(here, here.caCertificate)
})
test.after.always(async () => {
  await watched?.stop()
  second?.close()
  if (here) await running.delete(here)
  await running.removeHost('w15')
  await running.remove()
  rmSync(folder, { recursive: true })
})

/** What psql says to the line that is printed for a database, with this CA in its file; `in` where it lets in. */
function psql({ connectionString }: Created, ca: string): string {
  const file = join(folder, 'ca.pem')
  writeFileSync(file, ca)
  const line = new URL(connectionString)
  line.searchParams.set('sslrootcert', file)
  const { status, stderr } = spawnSync('psql', ['-XAtq', line.href, '-c', 'select 1'], { encoding: 'utf8' })
  return status === 0 ? 'in' : stderr.trim()
}

const certificatesIn = (pem: string): string[] => pem.match(/-----BEGIN [^-]+-----/g) ?? []

test.serial('W15 the CA given with a database is the one certificate of its own host', async (t) => {
  for (const [{ caCertificate, caUrl }, connection] of [
    [here, running.service.connection],
    [there, second],
  ] as const) {
    t.deepEqual(certificatesIn(caCertificate), ['-----BEGIN CERTIFICATE-----'])
    const ca = new X509Certificate(caCertificate)
    t.true(ca.ca && ca.verify(ca.publicKey), 'a root that signed itself')
    const own = new X509Certificate(await connection.run(sh`cat ${LAYOUT.ca}`))
    t.is(ca.fingerprint256, own.fingerprint256)
    t.is(await (await fetch(caUrl)).text(), caCertificate)
  }
  t.not(here.caCertificate, there.caCertificate)
  t.is(psql(there, there.caCertificate), 'in')
  t.is(await loginAnswer(there, there.caCertificate), 'in')
})

test.serial('W15 a certificate for a host by the CA of another is refused', async (t) => {
  const { addresses } = await running.service.orm.em
    .fork()
    .findOneOrFail(Host, { name: 'w15' })
    .then(({ spec }) => spec)
  const stolen = await running.service.connection.run(script('sign for the other host', SIGN, ...addresses))
  await second.run(script('put the pair in place', PUT), { input: stolen })
  // It is a good pair in every other way: whoever trusted both authorities would be let in.
  t.is(psql(there, here.caCertificate), 'in')
  t.is(psql(there, here.caCertificate + there.caCertificate), 'in')
  for (const host of addresses) {
    t.regex(
      psql({ ...there, connectionString: atAddress(there, host) }, there.caCertificate),
      /certificate verify failed/,
    )
    t.regex(
      await loginAnswer({ ...there, host }, there.caCertificate),
      /self-signed|unable to (get|verify)|certificate/,
    )
  }
})

test.serial('W15 the host finds the foreign pair and signs its own again', async (t) => {
  await second.run(
    script('renew', `${LAYOUT.library}/pool-certificate && rm -r /etc/pgbouncer/certificates/w15`),
  )
  t.is(psql(there, there.caCertificate), 'in')
  t.regex(psql(there, here.caCertificate), /certificate verify failed/)
})

test.serial('W15 the databases of the other host worked on meanwhile', async (t) => {
  const { errors, commits } = await watched.stop()
  t.deepEqual(errors, [])
  t.true(commits > 0)
})

function atAddress({ connectionString }: Created, address: string): string {
  const url = new URL(connectionString)
  url.hostname = address.includes(':') ? `[${address}]` : address
  return url.href
}

notYetBuilt('W15', ["the server's agent client pins the CA of that host"])
