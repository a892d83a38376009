import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Answer } from '../host/service.ts'
import { ManagedService } from './managed.ts'

let managed: ManagedService
let shop: Answer

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('extras')
  await managed.settled()
})
test.after.always(async () => {
  await managed?.running.service.request('PUT', '/hosts/local-1/extras', {})
  if (shop) await managed.running.delete(shop)
  await managed.settled()
  await managed.running.remove()
})

const settings = (): string =>
  join(managed.running.clone.path, `Pulumi.${managed.running.service.host.name}.yaml`)
const write = (rules: string): void => writeFileSync(settings(), `config:\n  dbhost:rules: ${rules}\n`)
const firewall = (): Promise<string> => managed.inside('nft list chain inet dbhost input')
const EXPORTER = `[{ description: node exporter, port: 9100, sources: ["203.0.113.7", "2001:db8::/48"] }]`

test.serial('a preview shows what the settings of the stack add, and keeps nothing', async (t) => {
  write(EXPORTER)
  const { code, output } = await managed.pulumi('preview', '--diff')
  t.is(code, 0, output)
  t.regex(output, /tcp dport 9100 ip saddr \{ 203\.0\.113\.7\/32 \} accept/)
  t.deepEqual((await managed.running.service.request('GET', '/hosts/local-1/extras')).body as unknown, {
    labels: {},
    rules: [],
  })
})

test.serial('up brings it to the host, and no later run of the service takes it away', async (t) => {
  const { code, output } = await managed.pulumi('up', '--yes', '--skip-preview')
  t.is(code, 0, output)
  t.regex(await firewall(), /tcp dport 9100 ip6 saddr 2001:db8::\/48 accept comment "node exporter"/)
  const { service } = managed.running
  t.like((await service.request('GET', '/hosts/local-1/extras')).body, { rules: [{ port: 9100 }] })
  await service.request('PUT', `/databases/${shop.id}/allowlist`, {
    rules: managed.running.rulesFor('203.0.113.50'),
  })
  await managed.settled()
  t.regex(await firewall(), /dport 9100/)
  t.is((await managed.pulumi('preview', '--expect-no-changes')).code, 0)
})

test.serial('a checkout without the settings keeps what is there', async (t) => {
  rmSync(settings())
  const { code, output } = await managed.pulumi('up', '--yes', '--skip-preview')
  t.is(code, 0, output)
  t.regex(await firewall(), /dport 9100/)
})

test.serial('settings that are refused change nothing and say why', async (t) => {
  write('[{ description: pool, port: 6432, sources: ["0.0.0.0/0"] }]')
  const { code, output } = await managed.pulumi('up', '--yes', '--skip-preview')
  t.not(code, 0)
  t.regex(output, /a port of the host itself/)
})

test.serial('empty settings take it away again', async (t) => {
  write('[]')
  const { code, output } = await managed.pulumi('up', '--yes', '--skip-preview')
  t.is(code, 0, output)
  t.notRegex(await firewall(), /dport 9100/)
})
