import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import test from 'ava'
import { stateFiles } from '../../start/keys.ts'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'
import { Command, type Ended } from '../start/clone.ts'
import { KeyService } from './key-service.ts'
import { ManagedService } from './managed.ts'
import { ObjectStore } from './object-store.ts'

let managed: ManagedService
let shop: Answer
let objects: ObjectStore
let keys: KeyService
let folder: string
const host = (): string => managed.running.service.host.name

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('moved')
  objects = await ObjectStore.start()
  keys = await KeyService.start()
  folder = mkdtempSync('/var/tmp/dbhost-moved-')
  chmodSync(folder, 0o711)
  await managed.settled()
})
test.after.always(async () => {
  if (managed && shop) {
    await state({}, 'move', 'database')
    await state({}, 'secrets', 'passphrase')
    await managed.running.delete(shop)
  }
  await managed?.running.remove()
  await objects?.close()
  await keys?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** `npm run stack-state -- …`, with this besides in its environment. */
const state = (environment: Record<string, string>, ...args: string[]): Promise<Ended> =>
  managed.running.clone.runWith(environment, 'stack-state', ...args)

/** The API opens for one more address, the stack records it where its state lies, and by hand nothing differs. */
async function works(address: string): Promise<string> {
  const rules = managed.running.rulesFor(address)
  const { status } = await managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, {
    rules,
  })
  const { lastRun } = await managed.settled()
  const { code, output } = await managed.pulumi('preview', '--expect-no-changes')
  return status === 200 && lastRun.command === 'update' && code === 0 ? 'works' : output
}

test.serial('the state goes to a folder, where the worker and the engineer both go on with it', async (t) => {
  const place = `file://${folder}/states`
  const { code, output } = await state({}, 'move', place)
  t.is(code, 0, output)
  t.regex(output, new RegExp(`The state of all stacks lies in ${place}`))
  t.true(existsSync(`${folder}/states/.pulumi/stacks/dbhost/${host()}.json`))
  t.is(await works('203.0.113.61'), 'works')
  // By hand it is root who writes.
  t.is((await managed.pulumi('up', '--yes', '--skip-preview')).code, 0)
  t.is(await works('203.0.113.62'), 'works')
  const worker = Number(execFileSync('id', ['-u', managed.running.service.installation.users.worker]))
  t.is(statSync(`${folder}/states/.pulumi/stacks/dbhost/${host()}.json`).uid, worker)
  t.regex(
    (await managed.running.clone.run('doctor')).output,
    new RegExp(`State +${place}, secrets by passphrase`),
  )
})

test.serial(
  'a place of somebody else’s is refused, and one that cannot be opened changes nothing',
  async (t) => {
    mkdirSync(`${folder}/full`)
    writeFileSync(`${folder}/full/precious`, '')
    for (const [place, why] of [
      [`file://${folder}/full`, /holds something else/],
      [objects.url('nowhere'), /SignatureDoesNotMatch|no EC2 IMDS role|credentials/i],
      ['postgres://me@127.0.0.1:1/states?sslmode=disable', /127\.0\.0\.1:1|refused/],
      ['/srv/state', /is no place for the state/],
    ] as const) {
      const { code, output } = await state({}, 'move', place)
      t.is(code, 1, place)
      t.regex(output, why)
      t.notRegex(output, /^\s+at /m, 'a sentence, no stack trace')
    }
    t.is(await works('203.0.113.63'), 'works')
  },
)

test.serial('a move to a bucket that is killed is gone on with, and nothing runs in between', async (t) => {
  const { installation } = managed.running.service
  const moving = ['stack-state', 'move', objects.url('one')]
  const command = new Command(managed.running.clone.path, moving, objects.environment)
  const file = stateFiles(installation).original
  await until('the move to begin', async () => readFileSync(file, 'utf8').includes('"moving"'))
  await command.kill()
  const shown = await state({}, 'show')
  t.regex(shown.output, /To go on: +npm run stack-state -- move 's3:\/\/states\/one\?/)
  const refused = await managed.pulumi('preview')
  t.is(refused.code, 1)
  t.regex(refused.output, /^The state of all stacks is being moved/m)
  // What is wanted on the host does not wait for it.
  const rules = managed.running.rulesFor('203.0.113.64')
  t.is(
    (await managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, { rules })).status,
    200,
  )
  const { code, output } = await state(objects.environment, 'move', objects.url('one'))
  t.is(code, 0, output)
  t.is(await works('203.0.113.65'), 'works')
  t.false(existsSync(`${folder}/states/.pulumi/stacks/dbhost/${host()}.json`))
  t.true(objects.objects.size > 0)
})

test.serial('a key service encrypts the secrets of what there is and of what comes', async (t) => {
  const wrong = await state({ ...keys.environment, VAULT_SERVER_TOKEN: 'another' }, 'secrets', keys.url)
  t.is(wrong.code, 1)
  t.regex(wrong.output, /permission denied[\s\S]*Nothing was changed/)
  const { code, output } = await state(keys.environment, 'secrets', keys.url)
  t.is(code, 0, output)
  t.regex(output, /Secrets in the state of 1 stacks/)
  const before = keys.calls.decrypt
  t.is(await works('203.0.113.66'), 'works')
  t.true(keys.calls.decrypt > before)
  for (const secret of [...Object.values(keys.environment), objects.environment.AWS_SECRET_ACCESS_KEY])
    t.false((await state({}, 'show')).output.includes(secret))
})

test.serial('and all of it comes back', async (t) => {
  t.is((await state({}, 'secrets', 'passphrase')).code, 0)
  const { code, output } = await state({}, 'move', 'database')
  t.is(code, 0, output)
  t.is(await works('203.0.113.67'), 'works')
  t.deepEqual(
    [...objects.objects.keys()].filter((key) => key.includes('/stacks/')),
    [],
  )
})
