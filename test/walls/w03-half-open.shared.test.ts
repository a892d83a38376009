import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import type { HalfOpen, Holding } from '../host/half-open.ts'
import { Namespace } from '../host/namespace.ts'
import { Neighbour } from '../host/neighbour.ts'
import { OwnAddresses } from '../host/own-addresses.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { openTcp } from '../host/wire.ts'

const MEGABYTE = 1024 ** 2
/** What the firewall lets one source hold. */
const PER_SOURCE = 500

let running: RunningService
let link: Namespace
let network6: OwnAddresses
let attacker: Answer
let victim: Answer

test.before(async () => {
  running = await RunningService.shared()
  link = new Namespace(running.clone.id, 3, running.clone.facts.database?.caFile ?? '')
  const [, outer6 = ''] = running.service.host.spec.controlPlane
  network6 = new OwnAddresses(outer6.replace('/128', ''), 200)
  attacker = await running.createApart('w3-attacker', {
    allowlist: running.rulesFor(link.outerAddress, network6.network),
  })
  victim = await running.createApart('w3-neighbour')
})
test.after.always(async () => {
  link?.remove()
  network6?.remove()
  if (attacker && victim) await running.delete(attacker, victim)
  await running?.remove()
})

const inside = (title: string, words: string, ...args: string[]): Promise<string> =>
  running.service.connection.run(script(title, words, ...args), { deadlineMs: 60_000 })

const memory = async (): Promise<number> =>
  1024 *
  Number(
    await inside(
      'memory of PgBouncer',
      `sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$(cat ${LAYOUT.pool.socketDirectory}/pgbouncer.pid)/status`,
    ),
  )

/** Holds half-open logins from these addresses for some time. @returns what was held, each quarter of a second */
async function hold(host: string, from: string[], seconds: number): Promise<Holding[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../host/half-open.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const task: HalfOpen = {
    ...{ login: { ...attacker, host }, ca: running.service.ca, from, connections: PER_SOURCE + 100 },
  }
  const seen: Holding[] = []
  createInterface({ input: child.stdout }).on('line', (line) => seen.push(JSON.parse(line) as Holding))
  child.stdin.write(`${JSON.stringify(task)}\n`)
  await sleep(seconds * 1000)
  child.stdin.end()
  await once(child, 'exit')
  return seen
}

async function attack(t: ExecutionContext, host: string, from: string[]): Promise<void> {
  const neighbour = await Neighbour.watch(victim, running.service.ca)
  const [seen, held] = await Promise.all([hold(host, from, 20), sleep(15_000).then(memory)])
  const { errors, logins, slowest } = await neighbour.stop()
  const most = Math.max(...seen.map((one) => one.held))
  const opened = seen.at(-1)?.opened ?? 0
  t.log(
    `${most} held at once, ${opened} opened; PgBouncer ${Math.round(held / MEGABYTE)} MB; ` +
      `${logins} logins of the neighbour, the slowest ${slowest.login} ms`,
  )
  t.true(most > PER_SOURCE / 2, `${most} held`)
  t.true(most <= PER_SOURCE, `${most} held`)
  t.deepEqual(errors, [])
  t.true(slowest.login < 2000, `${slowest.login} ms`)
  t.true(held < 300 * MEGABYTE)
}

test.serial('W3 half-open logins from one IPv4 address lock out no other tenant', async (t) => {
  await attack(t, attacker.host, [link.outerAddress])
})

test.serial('W3 half-open logins from many addresses of one /64 lock out no other tenant', async (t) => {
  const [, six = ''] = running.service.host.spec.addresses
  await attack(t, six, network6.addresses)
})

test.serial('W3 a silent connection ends after client_login_timeout', async (t) => {
  const began = Date.now()
  const sockets = await Promise.all([1, 2, 3].map(() => openTcp(attacker.host, attacker.port)))
  for (const socket of sockets) socket.resume()
  await Promise.all(sockets.map((socket) => once(socket, 'close')))
  const seconds = (Date.now() - began) / 1000
  t.true(seconds > 4 && seconds < 8, `${seconds} s`)
})

test.serial(
  'W3 what one source may hold is a small part of what the pool and its process take',
  async (t) => {
    const told = await inside(
      'limits of the pool',
      `nft list chain ${LAYOUT.nftTable} pooler | grep -o 'ct count [0-9]*' | sort -u
    echo 'show config' | ${LAYOUT.library}/pool-admin | sed -n 's/^max_client_conn|\\([0-9]*\\)|.*/clients \\1/p'
    sed -n 's/^Max open files *\\([0-9]*\\).*/files \\1/p' /proc/$(cat ${LAYOUT.pool.socketDirectory}/pgbouncer.pid)/limits`,
    )
    const [, perSource] = /ct count (\d+)/.exec(told) ?? []
    const [, clients] = /clients (\d+)/.exec(told) ?? []
    const [, files] = /files (\d+)/.exec(told) ?? []
    t.is(told.match(/ct count/g)?.length, 1, 'IPv4 and IPv6 have the same')
    t.is(Number(perSource), PER_SOURCE)
    t.true(Number(clients) >= 20 * PER_SOURCE)
    // Each client may need a server connection as well.
    t.true(Number(files) >= 1.5 * Number(clients), told)
  },
)

/**
 * The rules of the host, with sets for so many sources, in a network of their own.
 * @returns which of three addresses got a connection, each tried twice
 */
async function tryRules(rules: string, size: number): Promise<string[]> {
  const words = readFileSync(join(import.meta.dirname, '../host/full-set.sh'), 'utf8')
  const input = rules.replaceAll(/size \d+/g, `size ${size}`)
  const { connection } = running.service
  return (await connection.run(script('try rules', words), { input, deadlineMs: 60_000 })).trim().split('\n')
}

test.serial('W3 a full set of the firewall drops newcomers, and keeps those whom it knows', async (t) => {
  const rules = await inside('rules', 'cat /etc/dbhost/firewall.nft')
  const all = [
    '10.99.0.11 in',
    '10.99.0.12 in',
    '10.99.0.13 in',
    '10.99.0.11 in',
    '10.99.0.12 in',
    '10.99.0.13 in',
  ]
  t.deepEqual(await tryRules(rules, 65536), all)
  t.deepEqual(
    await tryRules(rules, 2),
    all.map((line) => line.replace('.13 in', '.13 out')),
  )
  // The same limits as rules that drop what is over them let everybody in once their sets are full.
  const failsOpen = rules.replace(
    /ip saddr @pg_allow4 update .* accept/,
    'ip saddr @pg_allow4 update @pg_rate4 { ip saddr limit rate over 100/second burst 200 packets } drop\nip saddr @pg_allow4 accept',
  )
  t.deepEqual(await tryRules(failsOpen, 2), all)
})
