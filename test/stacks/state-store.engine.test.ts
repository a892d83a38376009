import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { StateAccess } from '../../stacks/gateway.ts'
import { StackStore } from '../../stacks/stack-store.ts'
import { CloudStack } from './cloud-stack.ts'
import { KeyService } from './key-service.ts'
import { ObjectStore } from './object-store.ts'

let cloud: CloudStack
let objects: ObjectStore
let keys: KeyService
let folder: string

test.before(async () => {
  cloud = await CloudStack.open()
  objects = await ObjectStore.start()
  keys = await KeyService.start()
  folder = mkdtempSync(join(tmpdir(), 'dbhost-states-'))
  mkdirSync(join(folder, 'states'))
  await cloud.run('update')
})
test.after.always(async () => {
  await cloud?.close()
  await objects?.close()
  await keys?.close()
  if (folder) rmSync(folder, { recursive: true })
})

const inStore = <T>(place: StateAccess, action: (store: StackStore) => Promise<T>): Promise<T> =>
  StackStore.with({ engine: cloud.engine, scratch: tmpdir() }, place, action)

const at = (backendUrl: string, environment = {}): StateAccess => ({
  ...cloud.place,
  backendUrl,
  environment,
})

/** The one stack goes there and leaves nothing behind; what runs on it changes nothing. */
async function move(to: StateAccess): Promise<string[]> {
  await inStore(cloud.place, (here) =>
    inStore(to, async (there) => {
      await here.copyTo(there, 'cloud-1')
      await here.remove('cloud-1')
    }),
  )
  const left = await inStore(cloud.place, (store) => store.names())
  cloud.place = to
  return left
}

/** The lock of a process of this computer that is dead. */
const LOCK = JSON.stringify({
  ...{ pid: 2 ** 22 + 1, username: 'root', hostname: hostname(), timestamp: new Date().toISOString() },
})

test.serial('the lock of a stack that somebody died over making is in nobody’s way', async (t) => {
  await cloud.run('destroy')
  const key = '.pulumi/locks/organization/dbhost/cloud-1/one.json'
  await cloud.lock(key, LOCK)
  t.is((await cloud.run('update')).changes.create, 9)
  const states = mkdtempSync(join(folder, 'locked-'))
  mkdirSync(join(states, key, '..'), { recursive: true })
  writeFileSync(join(states, key), LOCK)
  await t.notThrowsAsync(inStore(at(`file://${states}`), (store) => store.make('cloud-1')))
})

test.serial('a state goes to a bucket, which checks who it is', async (t) => {
  const place = at(objects.url('one'), objects.environment)
  const stranger = { ...place, environment: { ...objects.environment, AWS_SECRET_ACCESS_KEY: 'another' } }
  await t.throwsAsync(
    inStore(stranger, (store) => store.names()),
    { message: /SignatureDoesNotMatch/ },
  )
  t.deepEqual(await move(place), [])
  const { changes } = await cloud.run('update')
  t.deepEqual(Object.keys(changes), ['same'])
  t.true([...objects.objects.keys()].some((key) => /^one\/\.pulumi\/stacks\/dbhost\/cloud-1\.json/.test(key)))
})

test.serial('and on into a folder', async (t) => {
  t.deepEqual(await move(at(`file://${folder}/states`)), [])
  const { changes } = await cloud.run('update')
  t.deepEqual(Object.keys(changes), ['same'])
  t.true(existsSync(join(folder, 'states', '.pulumi', 'stacks', 'dbhost', 'cloud-1.json')))
  t.deepEqual(await inStore(cloud.place, (store) => store.names()), ['cloud-1'])
})

test.serial('its secrets are encrypted by a key service, which every run asks', async (t) => {
  const place = { ...cloud.place, secretsProvider: keys.url, environment: keys.environment }
  await inStore(place, (store) => store.rekey('cloud-1', keys.url))
  cloud.place = { ...place, passphraseFile: '/nonexistent' }
  const before = keys.calls.decrypt
  t.deepEqual(Object.keys((await cloud.run('update')).changes), ['same'])
  t.true(keys.calls.decrypt > before)
  cloud.place = { ...place, environment: { ...keys.environment, VAULT_SERVER_TOKEN: 'another' } }
  await t.throwsAsync(cloud.run('update'), {
    message: /^The state of the stack cannot be opened .*permission denied/,
  })
  cloud.place = place
})

test.serial('what is encrypted by a key service moves as well, and back to a passphrase', async (t) => {
  const { passphraseFile } = at('')
  const place = { ...cloud.place, backendUrl: objects.url('two') }
  const both = { ...keys.environment, ...objects.environment }
  t.deepEqual(await move({ ...place, environment: both }), [])
  t.deepEqual(Object.keys((await cloud.run('update')).changes), ['same'])
  await inStore(cloud.place, (store) => store.rekey('cloud-1', 'passphrase'))
  cloud.place = { passphraseFile, backendUrl: objects.url('two'), environment: objects.environment }
  t.deepEqual(Object.keys((await cloud.run('update')).changes), ['same'])
})

test.serial('a new stack is encrypted by what is set, and its end leaves nothing', async (t) => {
  await cloud.run('destroy')
  t.deepEqual(await inStore(cloud.place, (store) => store.names()), [])
  cloud.place = {
    ...cloud.place,
    secretsProvider: keys.url,
    environment: { ...keys.environment, ...objects.environment },
  }
  const before = keys.calls.encrypt
  await cloud.run('update')
  t.true(keys.calls.encrypt > before)
  await cloud.run('destroy')
})
