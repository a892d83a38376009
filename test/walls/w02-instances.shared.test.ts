import { createServer, type Server } from 'node:net'
import test from 'ava'
import { script, sh } from '../../provisioner/shell.ts'
import { Neighbour } from '../host/neighbour.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { attempts, type Target } from './w02-attempts.ts'

/** Where a bought server would ask for its metadata; here, listeners of root's on the machine itself. */
const METADATA = ['169.254.169.254', 'fd00:ec2::254']

const STAGE = `
ip addr add 169.254.169.254/32 dev lo && ip addr add fd00:ec2::254/128 dev lo
systemd-run --quiet --unit=w2-metadata perl -MSocket -e '
  for my $address (@ARGV) {
    next if fork;
    my $six = $address =~ /:/;
    socket(my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 6) or die;
    my $place = $six ? pack_sockaddr_in6(80, Socket::inet_pton(AF_INET6, $address)) : pack_sockaddr_in(80, inet_aton($address));
    bind($s, $place) && listen($s, 9) or die; while (accept(my $c, $s)) {} }
  wait for @ARGV' 169.254.169.254 fd00:ec2::254
systemd-run --quiet --unit=w2-process --property=User=pgi-$1 sleep infinity
install -m 4755 /usr/bin/id /usr/local/bin/w2-id
echo open >/dev/shm/w2 && chmod 666 /dev/shm/w2
until [ "$(ss -Hltn 'sport = :80' | wc -l)" = 2 ]; do sleep 0.05; done
systemctl show -p MainPID --value w2-process.service pgi@$1.service | grep .
findmnt -no SOURCE /var/lib/pgi/$1
ss -Hxln | awk '$5 ~ "^/" { print $5 }' | sort -u`

const UNSTAGE = `
systemctl stop w2-metadata w2-process 2>/dev/null || true
ip addr del 169.254.169.254/32 dev lo 2>/dev/null || true
ip addr del fd00:ec2::254/128 dev lo 2>/dev/null || true
rm -f /usr/local/bin/w2-id /dev/shm/w2 /var/tmp/w2-* /tmp/w2-own /var/lib/pgi/*/w2-link
rmdir /tmp/w2 2>/dev/null || true`

let running: RunningService
const made: Answer[] = []
let target: Target
let watched: Neighbour
const listeners: Server[] = []

const root = (title: string, text: string, ...args: string[]): Promise<string> =>
  running.service.connection.run(script(title, text, ...args), { deadlineMs: 120_000 })

/** A listener of this computer on its side of the machine's link, where the control plane would be met. */
async function listenOn(address: string): Promise<string> {
  const server = createServer((socket) => socket.destroy())
  listeners.push(server)
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  return `${address} ${(server.address() as { port: number }).port}`
}

/** Which instance on the host has this database. */
async function instanceOf({ database }: Answer): Promise<string> {
  const found = `sed -nE 's|^'"$1"' = host=/run/pgi/(\\S+) .*|\\1|p' /etc/pgbouncer/tenants/databases.ini`
  return (await root('instance', found, database)).trim()
}

test.before(async () => {
  running = await RunningService.shared()
  const attacker = await running.createApart('w2-attacker')
  made.push(attacker)
  const other = await running.createApart('w2-victim')
  made.push(other)
  const names = { attacker: await instanceOf(attacker), victim: await instanceOf(other) }
  const [process = '', server = '', loop = '', ...paths] = (await root('stage', STAGE, names.victim))
    .trim()
    .split('\n')
  const { addresses, controlPlane, ports } = running.service.host.spec
  const outer = controlPlane.map((cidr) => cidr.split('/')[0] ?? '')
  const own = ['127.0.0.1', '::1', ...addresses]
  target = {
    ...{ ...names, process, server, loop },
    sockets: paths.filter(
      (path) => !path.startsWith(`/run/pgi/${names.attacker}/`) && !path.endsWith('/notify'),
    ),
    doors: [
      ...own.flatMap((address) => Object.values(ports).map((port) => `${address} ${port}`)),
      ...METADATA.map((address) => `${address} 80`),
      ...(await Promise.all(outer.map(listenOn))),
    ],
  }
  watched = await Neighbour.watch(other, running.service.ca)
})
test.after.always(async () => {
  await watched?.stop()
  for (const server of listeners) server.close()
  await root('unstage', UNSTAGE)
  await running.delete(...made)
  await running.remove()
})

/** Names of the attempts that went well. @param run gives each program to a shell and shows what that prints */
async function succeeded(run: (program: string) => Promise<string>): Promise<string[]> {
  const programs = Object.entries(attempts(target)).map(
    ([name, command]) => `(${command}) >/dev/null 2>&1 </dev/null && echo "in ${name}"; true`,
  )
  const said = (await run(programs.join('\n'))).trim().split('\n')
  return said.filter((line) => line.startsWith('in ')).map((line) => line.slice(3))
}

/** By the same shell as below. */
const asRoot = (program: string): Promise<string> =>
  running.service.connection.run(sh`sh -s`, { input: program, deadlineMs: 120_000 })

/** What the superuser of an instance runs on the host, as whoever broke out of a tenant's role would. */
async function asSuperuser(instance: string, program: string): Promise<string> {
  const { connection } = running.service
  const quote = `$program$${program}$program$`
  const sql = `create temp table said (line text); copy said from program ${quote}; select line from said;`
  const psql = script(
    'attack',
    'psql -XAtq -v ON_ERROR_STOP=1 -h "/run/pgi/$1" -U dbhost -d postgres',
    instance,
  )
  return await connection.run(psql, { input: sql, deadlineMs: 120_000 })
}

test.serial('W2 a superuser of one instance reaches nothing else on the host', async (t) => {
  t.true(target.sockets.length > 5, target.sockets.join(' '))
  t.deepEqual(await succeeded((program) => asSuperuser(target.attacker, program)), [])
})

test.serial(
  'W2 each of these attempts goes well for root on the host, so the wall is what stops it',
  async (t) => {
    const worked = new Set(await succeeded(asRoot))
    t.deepEqual(
      Object.keys(attempts(target)).filter((name) => !worked.has(name)),
      [],
    )
  },
)

test.serial('W2 the control plane is not met on the address of the link, not even by root', async (t) => {
  const { apiUrl } = running.clone.facts
  const outer = running.service.host.spec.controlPlane.map((cidr) => cidr.split('/')[0] ?? '')
  for (const address of outer) {
    for (const port of [new URL(apiUrl).port, '5432']) {
      const knock = 'timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo in || echo out'
      t.is((await root('knock', knock, address, port)).trim(), 'out', `${address} ${port}`)
    }
  }
})

test.serial('W2 only root asks for the metadata of the machine', async (t) => {
  const ask = `for user in root nobody postgres pgbouncer caddy "pgi-$1"; do
    timeout 2 setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \\
      bash -c "exec 3<>/dev/tcp/$2/80" 2>/dev/null && echo "$user"; done; true`
  for (const address of METADATA) {
    t.is((await root('metadata', ask, target.attacker, address)).trim(), 'root', address)
  }
})

test.serial('W2 the platform account of an instance answers to root alone', async (t) => {
  const login = `for user in root nobody postgres pgbouncer "pgi-$1" "pgi-$2"; do
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \\
      psql -XAtq -h "/run/pgi/$2" -U dbhost -d postgres -c "select '$user'" 2>&1 | tail -n 1 || true; done`
  const [first, ...others] = (await root('peer', login, target.victim, target.attacker)).trim().split('\n')
  t.is(first, 'root')
  t.is(others.length, 5)
  for (const said of others) t.regex(said, /Peer authentication failed for user "dbhost"/)
})

test.serial('W2 the neighbour worked on meanwhile', async (t) => {
  const { errors, commits, logins } = await watched.stop()
  t.deepEqual(errors, [])
  t.true(commits > 10 && logins > 5, `${commits} commits, ${logins} logins`)
})

notYetBuilt('W2', ['the agent is not reached from an instance'])
