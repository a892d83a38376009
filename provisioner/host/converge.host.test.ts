import test from 'ava'
import { bareMachine, type TestMachine } from '../../test/machine.ts'
import { script, sh } from '../shell.ts'
import { connectHost, type HostConnection } from '../ssh.ts'
import { applyHost } from './apply.ts'
import { readHostFacts } from './facts.ts'
import { type HostAction, planHost } from './plan.ts'
import { edgeWanted, type HostWanted, hostWanted } from './wanted.ts'

let host: TestMachine
let connection: HostConnection
// Read once: the templates may be edited while this runs.
let wanted: HostWanted

test.before(async () => {
  host = await bareMachine()
  connection = await connectHost(host.target)
  wanted = hostWanted(host.spec)
})
test.after.always(async () => {
  connection.close()
  await host.remove()
})

const plan = async (): Promise<HostAction[]> => planHost(wanted, await readHostFacts(connection, wanted))
const titles = async (): Promise<string[]> => (await plan()).map((action) => action.title)
const inside = async (text: string): Promise<string> => (await connection.run(script('test', text))).trim()

async function converge(): Promise<string[]> {
  const actions = await plan()
  await applyHost(connection, actions, () => {})
  return actions.map((action) => action.title)
}

test.serial('the edge alone makes a bare machine a web server behind a firewall', async (t) => {
  const edge = edgeWanted(host.spec)
  const actions = planHost(edge, await readHostFacts(connection, edge))
  await applyHost(connection, actions, () => {})
  t.deepEqual(planHost(edge, await readHostFacts(connection, edge)), [])
  t.is(
    await inside('systemctl is-active caddy nftables fail2ban; nft list tables'),
    'active\nactive\nactive\ntable inet dbhost\ntable inet dbhost_bans',
  )
})

test.serial('a bare machine is ready after one converge, and the next one changes nothing', async (t) => {
  const steps: string[] = []
  await applyHost(connection, await plan(), ({ action, state }) => {
    if (state === 'done') steps.push(action.id)
  })
  t.true(steps.includes('packages'))
  t.deepEqual(await titles(), [])
  t.is(await inside('systemctl is-system-running --wait'), 'running')
  t.is(await inside('ls -A /var/lib/postgresql 2>/dev/null || true; ss -Hltn | grep -c :5432 || true'), '0')
  t.is(await inside('cat /run/pgbouncer/loaded'), 'empty')
})

const DRIFT: [string, RegExp][] = [
  ["printf ' ' >>/etc/caddy/Caddyfile", /^write \/etc\/caddy\/Caddyfile \(content differs\)$/],
  [
    "sed -i 's/max_client_conn = 10000/max_client_conn = 10001/' /etc/pgbouncer/pgbouncer.ini",
    /^write \/etc\/pgbouncer\/pgbouncer\.ini \(content differs\)$/,
  ],
  ['chmod 0666 /etc/systemd/system/pgi@.service', /^set mode 0644 .* pgi@\.service \(mode was 0666\)|pgi@/],
  ['chown nobody /usr/local/lib/dbhost/pool-certificate', /pool-certificate \(owner was nobody:root\)$/],
  ['rm /usr/local/lib/dbhost/firewall-load', /^write .*firewall-load \(was missing\)$/],
  ['ln -sfn /etc/hostname /etc/nftables.conf', /^write \/etc\/nftables\.conf \(was a link\)$/],
  ['nft flush ruleset', /^load the firewall/],
  ['systemctl stop storage-watch', /^start unit storage-watch\.service \(was inactive\)$/],
  ['systemctl stop pool-certificate.timer', /^start unit pool-certificate\.timer \(was inactive\)$/],
  [
    'systemctl kill --signal=KILL caddy; systemctl stop caddy',
    /^start unit caddy\.service \(was (inactive|failed)\)$/,
  ],
  ['systemctl disable --quiet pgbouncer', /^enable unit pgbouncer\.service \(was disabled\)$/],
  ["sed -i '/^pgbouncer:/d' /etc/group", /^create user pgbouncer$/],
  ['rm /usr/bin/caddy', /^reinstall caddy \(\/usr\/bin\/caddy is missing\)$/],
  ['rm -f /var/lib/pgi-images/template.img', /^make the cluster that instances begin as/],
  ['rm /etc/pgbouncer/tenants', /^link \/etc\/pgbouncer\/tenants/],
  ['rm -rf /var/lib/pgi', /^create \/var\/lib\/pgi \(was missing\)$/],
  ['rm /etc/pgbouncer/tls/server.key', /^renew PgBouncer's certificate \(was no valid pair is in force\)$/],
]

test.serial('whatever was altered is named and mended', async (t) => {
  for (const [damage] of DRIFT) await inside(damage)
  const found = await titles()
  for (const [damage, title] of DRIFT)
    t.true(
      found.some((one) => title.test(one)),
      `${damage}: ${found.join('\n')}`,
    )
  await converge()
  t.deepEqual(await titles(), [])
  t.is(
    await inside('systemctl is-system-running; systemctl --failed --no-legend; nft list tables'),
    'running\ntable inet dbhost',
  )
})

test.serial('a rule or an element that somebody slipped into the firewall is found', async (t) => {
  for (const damage of [
    'nft insert rule inet dbhost input accept',
    'nft add element inet dbhost pg_allow4 { 203.0.113.7 }',
    'nft add element inet dbhost control4 { 203.0.113.7 }',
  ]) {
    await inside(damage)
    t.deepEqual(
      await converge(),
      ['load the firewall (was the rules in force are not those of the files)'],
      damage,
    )
  }
  t.deepEqual(await titles(), [])
})

test.serial('the firewall replaces its own table only, and its stop opens nothing', async (t) => {
  await inside(
    'nft add table inet other; systemctl reload nftables; systemctl restart nftables; systemctl stop nftables',
  )
  t.is(await inside('nft list tables | sort'), 'table inet dbhost\ntable inet other')
  await inside('nft delete table inet other')
  t.deepEqual(await converge(), ['start unit nftables.service (was inactive)'])
})

test.serial('a reload that an earlier converge owes is made good', async (t) => {
  await inside("printf ' ' >>/etc/caddy/Caddyfile")
  const actions = await plan()
  t.deepEqual(
    actions.map((action) => action.id),
    ['file:/etc/caddy/Caddyfile', 'reload:caddy.service'],
  )
  await applyHost(connection, actions.slice(0, 1), () => {})
  t.deepEqual(await converge(), ['reload unit caddy.service (its files changed)'])
  t.deepEqual(await titles(), [])
})

test.serial('a file that does not hold is refused and changes nothing', async (t) => {
  const broken: [string, string][] = [
    ['/etc/caddy/Caddyfile', 'nonsense {'],
    ['/etc/dbhost/firewall.nft', 'table inet dbhost { chain input { nonsense } }'],
    ['/etc/ssh/sshd_config.d/00-dbhost.conf', 'Nonsense yes\n'],
    ['/etc/pgbouncer/pgbouncer.ini', '[pgbouncer]\nlisten_port = 6432\npool_mode = nonsense\n'],
    ['/etc/systemd/system/pgi@.service', '[Service]\nExecStart=/nowhere\n'],
    ['/etc/systemd/system/pgbouncer.service.d/dbhost.conf', '[Service]\nNonsense=1\n'],
  ]
  for (const [path, content] of broken) {
    const modules = wanted.modules.map((module) => ({
      ...module,
      files: module.files.map((file) => (file.path === path ? { ...file, content } : file)),
    }))
    const actions = planHost({ modules }, await readHostFacts(connection, { modules }))
    const events: string[] = []
    await t.throwsAsync(
      applyHost(
        connection,
        actions,
        ({ state, detail }) => void (state === 'failed' && events.push(detail ?? '')),
      ),
      { name: 'HostError' },
      path,
    )
    t.is(events.length, 1)
  }
  t.deepEqual(await titles(), [])
  t.is(await inside('find /etc /usr/local/lib -name ".*.dbhost-*"'), '')
})

test.serial('a machine comes back ready by itself', async (t) => {
  connection.close()
  await host.reboot()
  connection = await connectHost(host.target)
  t.is(await inside('systemctl is-system-running --wait'), 'running')
  t.deepEqual(await titles(), [])
  t.is(await connection.run(sh`cat /run/pgbouncer/loaded`), 'empty\n')
})
