import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { passphraseFile, readBoxPrivateKey } from '../../start/keys.ts'
import type { Answer } from '../host/service.ts'
import { formsOf } from '../secret-forms.ts'
import { ManagedService } from '../stacks/managed.ts'

let managed: ManagedService
let shop: Answer

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('secretive')
  await managed.settled()
})
test.after.always(async () => {
  if (shop) await managed.running.delete(shop)
  await managed.running.remove()
})

test('W5 no secret in the state of Pulumi, in what its runs say, or on their command lines', async (t) => {
  const { installation } = managed.running.service
  const seen = new Set<string>()
  const watching = setInterval(() => {
    for (const { argv } of managed.processes()) seen.add(argv.join(' '))
  }, 20)
  const rules = managed.running.rulesFor('203.0.113.5')
  await managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, { rules })
  await managed.settled()
  clearInterval(watching)
  t.true(
    [...seen].some((line) => line.includes('pulumi')),
    'command lines of a run were seen',
  )
  const dump = execFileSync('pg_dump', [
    ...['--host', installation.databaseSocketDir, '--username', 'dbhost_worker', 'dbhost_stacks'],
  ]).toString()
  t.true(dump.includes('pulumi_state'))
  const state = [...dump.matchAll(/"([A-Za-z0-9+/=]{200,})"/g)].map(([, text = '']) =>
    Buffer.from(text, 'base64').toString(),
  )
  t.true(
    state.some((text) => text.includes('vps:index:Firewall')),
    'the checkpoint was read',
  )
  const texts = [dump, ...state, ...seen, readFileSync(join(installation.logDir, 'worker.log'), 'utf8')]
  const secrets = [
    readFileSync(passphraseFile(installation), 'utf8'),
    readBoxPrivateKey(installation).reveal(),
    await managed.privateKey(),
    shop.password,
  ]
  for (const secret of secrets) {
    for (const form of formsOf(secret)) t.false(texts.some((text) => text.includes(form)))
  }
})
