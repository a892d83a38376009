import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { StatePlace } from '../../api/operations/stacks/state-setting.ts'
import { messageOf } from '../../common/errors.ts'
import { byText } from '../../common/order.ts'
import { findEngine } from '../../stacks/engine.ts'
import { PASSPHRASE } from '../../stacks/environment.ts'
import { describeInstallation, type Installation } from '../../start/installation.ts'
import { workerPassphraseFile } from '../../start/keys.ts'
import { moveState } from '../../start/move-state.ts'
import { stateSettingOf, writeStateSetting } from '../../start/stacks.ts'
import { inPlace, type StateContext } from '../../start/state-work.ts'
import { builtEngine } from '../../tools/engine/build.ts'
import { ObjectStore } from './object-store.ts'

const ROOT = 0
const STACKS = ['one', 'two']

let objects: ObjectStore
let root: string
let context: StateContext
let folder: StatePlace
let bucket: StatePlace
const secrets = { provider: PASSPHRASE, environment: {} }

test.before(async () => {
  const { engine } = await findEngine([builtEngine()])
  if (!engine) throw new Error('no engine')
  objects = await ObjectStore.start()
  root = mkdtempSync('/var/tmp/dbhost-faults-')
  const installation: Installation = {
    ...describeInstallation('faults', root),
    ...{ stateDir: join(root, 'state'), runDir: join(root, 'run') },
  }
  mkdirSync(join(installation.stateDir, 'keys', 'worker'), { recursive: true })
  mkdirSync(installation.runDir)
  writeFileSync(workerPassphraseFile(installation), 'of a test')
  context = { installation, engine, worker: ROOT, tell: () => {} }
  folder = { backendUrl: `file://${root}/states`, environment: {} }
  bucket = { backendUrl: objects.url('faults'), environment: objects.environment }
  mkdirSync(`${root}/states`)
  writeStateSetting(installation, ROOT, { place: folder, secrets })
  await inPlace(context, folder, secrets, async (store) => {
    for (const name of STACKS) await store.make(name)
  })
})
test.after.always(async () => {
  await objects?.close()
  if (root) rmSync(root, { recursive: true, force: true })
})

const namesIn = (place: StatePlace): Promise<string[]> =>
  inPlace(context, place, secrets, (store) => store.names())

/** Where all stacks are, whole and once; else what is where. */
async function whereabouts(): Promise<string> {
  const [inFolder, inBucket] = [await namesIn(folder), await namesIn(bucket)]
  const all = (names: string[]): boolean =>
    STACKS.every((one) => names.includes(one)) && names.length === STACKS.length
  if (all(inFolder) && inBucket.length === 0) return 'folder'
  if (all(inBucket) && inFolder.length === 0) return 'bucket'
  return JSON.stringify({ inFolder, inBucket })
}

const attempt = (to: StatePlace): Promise<string> => moveState(context, to).then(() => 'moved', messageOf)

const LOST_LOCK =
  /^A process that died has left a lock of the stack \w+ in s3:.*delete what lies there under (\.pulumi\/locks\S+\w)/

/** As somebody does it who reads what was said: only the engine can open a bucket, and it takes no lock from what is not there. */
async function attemptAsTold(to: StatePlace): Promise<string> {
  for (;;) {
    const said = await attempt(to)
    const locks = LOST_LOCK.exec(said)?.[1]
    if (locks === undefined) return said
    for (const key of objects.objects.keys()) if (key.includes(locks)) objects.objects.delete(key)
  }
}

test.serial('whatever call is the last that the bucket answers, no stack is lost', async (t) => {
  const seen = new Set<string>()
  for (let calls = 40; ; calls += 23) {
    objects.breakAfter(calls)
    const said = await attempt(bucket)
    objects.mend()
    t.log(`${calls} calls: ${said.slice(0, 60)} … ${said.slice(-60)}`)
    if (said === 'moved') break
    const { moving } = stateSettingOf(context.installation)
    seen.add(moving ? 'cut short' : 'as before')
    if (!moving) t.is(await whereabouts(), 'folder', said)
    // Both ways out of it, in turns.
    const to = calls % 2 === 0 ? bucket : folder
    if (moving) {
      t.is(await attemptAsTold(to), 'moved', said)
      t.is(await whereabouts(), to === bucket ? 'bucket' : 'folder', `${calls} calls: ${said}`)
    }
    if (moving && to === bucket) t.is(await attemptAsTold(folder), 'moved')
  }
  t.is(await whereabouts(), 'bucket')
  t.deepEqual([...seen].toSorted(byText), ['as before', 'cut short'])
})

test.serial('the same place by another name is none to move to', async (t) => {
  const alias = { ...bucket, backendUrl: bucket.backendUrl.replace('127.0.0.1', 'localhost') }
  t.regex(await attempt(alias), /There are stacks already|the same place/)
  t.is(await whereabouts(), 'bucket')
  // Also where it looked empty at first: gone on with, as after a kill.
  writeStateSetting(context.installation, ROOT, { place: bucket, secrets, moving: alias })
  t.regex(await attempt(alias), /the same place by another name/)
  t.is(await whereabouts(), 'bucket')
  writeStateSetting(context.installation, ROOT, { place: bucket, secrets })
})
