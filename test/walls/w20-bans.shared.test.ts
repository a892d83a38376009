import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { FailedLogins } from '../../common/failed-logins.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import { readFailedLogins } from '../../provisioner/tenants/logins.ts'
import { converge } from '../host/converge.ts'
import { Namespace } from '../host/namespace.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'
import { openTcp, startTls, startupMessage } from '../host/wire.ts'

/** Of documentation: nobody's. */
const STRANGER = '198.51.100.9'

let running: RunningService
let thief: Namespace
let office: Namespace
let a: Answer
let b: Answer

test.before(async () => {
  running = await RunningService.shared()
  const { id, facts } = running.clone
  thief = new Namespace(id, 20, facts.database?.caFile ?? '')
  office = new Namespace(id, 21, facts.database?.caFile ?? '')
  const allowlist = running.rulesFor(thief.address, office.address, thief.outerAddress)
  a = await running.createApart('w20-guessed', { allowlist })
  b = await running.createApart('w20-neighbour', { allowlist })
})
test.after.always(async () => {
  if (running) await inside('fail2ban-client unban --all >/dev/null')
  thief?.remove()
  office?.remove()
  if (a && b) await running.delete(a, b)
  await running?.remove()
})

const inside = async (text: string): Promise<string> =>
  (await running.service.connection.run(script('test', text), { deadlineMs: 60_000 })).trim()

const wrong = (database: Answer): Answer => ({ ...database, password: 'not the password' })

const bans = (): Promise<string> => inside(`${LAYOUT.library}/pool-ban list`)

test.serial('W20 an address without any login is banned by wrong passwords, and only that', async (t) => {
  for (let tries = 0; tries < 10; tries++) t.regex(thief.login(wrong(a)), /password|SASL/i)
  await until('the ban', async () => (await bans()).includes(thief.address) || (await bans()))
  t.is(await bans(), `banned ${thief.address}/32`)
  t.false(await thief.connects(a.host, a.port))
  t.regex(thief.login(a), /timeout|timed out/, 'the right password gets no answer either')
  t.is(office.login(a), 'in')
  t.is(office.login(b), 'in')
})

test.serial('W20 a ban outlives each change of the firewall and of the jails', async (t) => {
  await inside(`${LAYOUT.library}/firewall-load; fail2ban-client reload >/dev/null`)
  t.is(await bans(), `banned ${thief.address}/32`)
  await inside('systemctl restart fail2ban')
  await until('the ban of old', async () => (await bans()).includes(thief.address) || (await bans()))
  t.regex(await converge(running), /configure: 0 changes/)
  t.false(await thief.connects(a.host, a.port))
  await inside(`fail2ban-client set dbhost-pool unbanip ${thief.address}`)
  t.is(await bans(), '')
  t.is(thief.login(a), 'in')
})

test.serial(
  'W20 two tenants behind one address: one fails 100 times, the logins of the other go on',
  async (t) => {
    t.is(office.login(b), 'in')
    let failed = 0
    const failing = Array.from({ length: 4 }, async () => {
      while (failed < 100) {
        failed += 1
        await office.loginBeside(wrong(a))
      }
    })
    const told: string[] = []
    const neighbour = (async () => {
      while (failed < 100) {
        told.push(await office.loginBeside(b))
        await sleep(300)
      }
    })()
    await Promise.all([...failing, neighbour])
    t.true(told.length > 3, `${told.length} logins`)
    t.deepEqual(
      told.filter((said) => said !== 'in'),
      [],
    )
    t.is(await bans(), `slowed ${office.address}/32`)
    t.is(office.login(b), 'in')
    t.is(office.login(a), 'in')
  },
)

test.serial('W20 the owner is told who failed, how often, and what is done about it', async (t) => {
  await inside('systemctl start pool-logins.service')
  const seen = (await readFailedLogins(running.service.connection)).get(a.database)
  const fromOffice = seen?.find(({ address }) => address === office.address)
  t.true((fromOffice?.count ?? 0) >= 90, JSON.stringify(seen))
  t.is(fromOffice?.measure, 'slowed')
  await until(
    'the API to tell',
    async () => {
      const { body } = await running.service.request('GET', `/databases/${a.id}`)
      const { failedLogins } = body as unknown as { failedLogins: { addresses: FailedLogins[] } }
      const told = failedLogins.addresses.map(({ address }) => address)
      return (told.includes(office.address) && told.includes(thief.address)) || told.join()
    },
    90,
  )
})

test.serial('W20 what is done about addresses of both families is told apart, and lifted', async (t) => {
  const ban = `${LAYOUT.library}/pool-ban`
  await inside(`fail2ban-client unban --all >/dev/null; ${ban} ban 198.51.100.20; ${ban} ban 2001:db8:0:5::9
    nft add element inet dbhost_bans slow6 '{ 2001:db8:0:6::/64 }'`)
  t.is(await bans(), 'banned 198.51.100.20/32\nbanned 2001:db8:0:5::/64\nslowed 2001:db8:0:6::/64')
  await readFailedLogins(running.service.connection)
  await inside(`${ban} unban 198.51.100.20; ${ban} unban 2001:db8:0:5::9; ${ban} unban 2001:db8:0:6::1`)
  t.is(await bans(), '')
})

/** A login under names of the caller's choosing, which ends before its password. */
async function loginAs(user: string, database: string): Promise<void> {
  const socket = await openTcp(a.host, a.port, thief.outerAddress)
  const tls = await startTls(socket, a.host, running.service.ca)
  tls.write(startupMessage(user, database))
  await Promise.race([once(tls, 'data'), once(tls, 'close'), sleep(2000)])
  tls.destroy()
}

test.serial('W20 what a stranger calls himself neither bans nor excuses another address', async (t) => {
  const prefix = await inside(
    `journalctl -q -u pgbouncer -o cat -n 1 --grep 'SASL authentication failed' | sed 's/C-0x.*//'`,
  )
  const before = await inside('fail2ban-client status dbhost-pool | grep -o "Total failed:.*"')
  for (const end of ['SASL authentication failed', 'client close request']) {
    const forged = `C-0x5555: ${a.database}/${a.database}@${STRANGER}:5 closing because: ${end} (age=0s)`
    const names = [forged, `x\n${prefix}${forged}`, `x\n${prefix}${forged}\n`, `x/y@${STRANGER}:5 ${forged}`]
    for (let round = 0; round < 4; round++) {
      for (const name of names) {
        await loginAs(name, a.database)
        await loginAs(a.database, name)
      }
    }
  }
  await sleep(3000)
  await inside('systemctl start pool-logins.service')
  t.is(await inside('fail2ban-client status dbhost-pool | grep -o "Total failed:.*"'), before)
  t.false((await bans()).includes(STRANGER))
  t.is(
    await inside(`${LAYOUT.library}/pool-logins --knows ${STRANGER} && echo known || echo stranger`),
    'stranger',
  )
  t.false((await inside(`${LAYOUT.library}/pool-logins --failed`)).includes(STRANGER))
})

/** A program that asks a host for what it does not have, 45 times, in the words of somebody else. */
const FLOOD = `
const { get } = require('node:https')
const [host, stranger] = process.argv.slice(1)
const path = '/%22remote_ip%22:%22' + stranger + '%22,%22status%22:401'
const agent = 'x","remote_ip":"' + stranger +
  '","a":{"user_id":"","duration":1,"size":1,"status":401,"resp_headers":{'
const ask = (left) => {
  if (left === 0) return
  const next = () => ask(left - 1)
  get({ host, path, rejectUnauthorized: false, timeout: 2000, agent: false, headers: { 'User-Agent': agent } })
    .on('response', (response) => response.resume().on('end', next))
    .on('timeout', () => process.exit())
    .on('error', next)
}
ask(45)`

test.serial('W20 whoever floods HTTPS is shut out there, and no one whom he names', async (t) => {
  await thief.run(process.execPath, '-e', FLOOD, a.host, STRANGER)
  await until('the ban', async () => {
    const banned = await inside('fail2ban-client get dbhost-https banip')
    return banned.trim() === thief.address || banned
  })
  t.false(await thief.connects(a.host, 443))
  t.is(thief.login(b), 'in')
  t.true(await office.connects(a.host, 443))
  await inside(`fail2ban-client set dbhost-https unbanip ${thief.address}`)
})

test.serial('W20 guesses at SSH end in a ban there, and the control plane stays let in', async (t) => {
  await thief.run(
    'bash',
    '-c',
    `for i in {1..9}; do
    timeout 6 ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=2 \
      nobody-$i@${a.host} true; done`,
  )
  await until('the ban', async () => {
    const banned = await inside('fail2ban-client get sshd banip')
    return banned.trim() === thief.address || banned
  })
  t.false(await thief.connects(a.host, 22))
  t.is(await inside('echo in'), 'in')
  await inside(`fail2ban-client set sshd unbanip ${thief.address}`)
})
