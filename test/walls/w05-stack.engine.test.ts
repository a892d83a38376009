import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { WORKER_ROLE } from '../../api/model/privileges.ts'
import { passphraseFile, readBoxPrivateKey } from '../../start/keys.ts'
import { STACKS_DATABASE } from '../../start/postgres-roles.ts'
import { ownerAddress } from '../../start/schema.ts'
import { query } from '../database.ts'
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
  const address = { ...ownerAddress(installation), user: WORKER_ROLE, database: STACKS_DATABASE }
  const rows = await query<{ key: string; data: string }>(address, 'select key, data::text from pulumi_state')
  const state = rows.flatMap(({ key, data }) => [
    key,
    data,
    Buffer.from(data.replaceAll('"', ''), 'base64').toString(),
  ])
  t.true(
    state.some((text) => text.includes('vps:index:Firewall')),
    'the checkpoint was read',
  )
  const texts = [...state, ...seen, readFileSync(join(installation.logDir, 'worker.log'), 'utf8')]
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
