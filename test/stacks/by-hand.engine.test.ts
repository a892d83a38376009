import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { HostStack } from '../../api/model/host.ts'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'
import { ManagedService } from './managed.ts'

let managed: ManagedService
let shop: Answer

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('by-hand')
  await managed.settled()
})
test.after.always(async () => {
  if (shop) await managed.running.delete(shop)
  await managed.running.remove()
})

const NOTHING = ['preview', '--expect-no-changes']

test.serial('after npm start the engineer’s preview has no change', async (t) => {
  const { code, output } = await managed.pulumi(...NOTHING)
  t.is(code, 0, output)
  t.regex(output, /4 unchanged/)
  t.regex(
    (await managed.pulumi('stack', 'ls')).output,
    new RegExp(`^${managed.running.service.host.name}\\b`, 'm'),
  )
})

test.serial(
  'a hand edit on the host shows as a difference that can be read, and the next up mends it',
  async (t) => {
    await managed.inside(`nft add rule inet dbhost input tcp dport 9999 accept
    sed -i 's/respond 404/respond 418/' /etc/caddy/Caddyfile
    systemctl disable --quiet caddy.service
    sed -i 's/^maxretry = 10$/maxretry = 11/' /etc/fail2ban/jail.d/dbhost.local`)
    const refreshed = await managed.pulumi('refresh', '--yes', '--diff')
    t.is(refreshed.code, 0, refreshed.output)
    t.regex(refreshed.output, /^\s+\+ \+\s+tcp dport 9999 accept$/m)
    t.regex(refreshed.output, /^\s+\+ \s+respond 418$/m)
    t.regex(refreshed.output, /active, enabled" => "active, disabled"/)
    t.regex(refreshed.output, /^\s+\+ maxretry = 11$/m)
    const mended = await managed.pulumi('up', '--yes', '--skip-preview')
    t.is(mended.code, 0, mended.output)
    t.regex(mended.output, /3 updated/)
    t.is(
      await managed.inside(`nft list table inet dbhost | grep -c 9999 || true
      grep -o 'respond .*' /etc/caddy/Caddyfile
      systemctl is-enabled caddy.service
      fail2ban-client get dbhost-pool maxretry`),
      '0\nrespond 404\nenabled\n10',
    )
    t.is((await managed.pulumi(...NOTHING)).code, 0)
  },
)

test.serial(
  'an up from an old document is refused by the host, and what the API changed since survives',
  async (t) => {
    const { service, clone } = managed.running
    const { body } = await service.request('GET', `/hosts/${service.host.id}/document`)
    const old = join(clone.path, 'old-document.json')
    writeFileSync(old, JSON.stringify(body))
    const rules = managed.running.rulesFor('203.0.113.77')
    t.is((await service.request('PUT', `/databases/${shop.id}/allowlist`, { rules })).status, 200)
    await managed.settled()
    process.env.DBHOST_DOCUMENT = old
    const { code, output } = await managed.pulumi('up', '--yes', '--skip-preview')
    delete process.env.DBHOST_DOCUMENT
    t.not(code, 0)
    t.regex(output, /revision \d+ of this host's document is older than \d+, which is in force/)
    t.regex(await managed.inside('nft list set inet dbhost pg_allow4'), /203\.0\.113\.77/)
    t.is((await managed.pulumi('up', '--yes', '--skip-preview')).code, 0)
    t.regex(await managed.inside('nft list set inet dbhost pg_allow4'), /203\.0\.113\.77/)
  },
)

test.serial('an up by hand is an observed fact: who, when, and how it ended', async (t) => {
  const began = Date.now()
  t.is((await managed.pulumi('up', '--yes', '--skip-preview')).code, 0)
  const { service } = managed.running
  await until('the run to be recorded', async () => {
    const { body } = await service.request('GET', `/hosts/${service.host.id}`)
    const { byHand } = (body as unknown as { stack: HostStack }).stack
    if (!byHand || Date.parse(byHand.at) < began) return `last: ${JSON.stringify(byHand)}`
    t.like(byHand, { command: 'update', result: 'succeeded', changes: 0, by: `root@${hostname()}` })
    return true
  })
})

test.serial('what holds databases is not destroyed', async (t) => {
  const { code, output } = await managed.pulumi('destroy', '--yes', '--skip-preview')
  t.not(code, 0)
  t.true(output.includes('protect'), output)
  t.is(await managed.running.login(shop), 'in')
  t.is((await managed.pulumi(...NOTHING)).code, 0)
})
