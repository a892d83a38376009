import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateSecrets } from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import { StackStore } from '../stacks/stack-store.ts'
import { accessIn, type StateContext, untilQuiet } from './move-state.ts'
import { Refusal } from './say.ts'
import { stateSettingOf, writeStateSetting } from './stacks.ts'
import { giveFolder } from './state-folder.ts'

/**
 * Encrypts the secrets in the state of all stacks with another key. Each state says itself what opens it, so after a
 * failure in the middle all can be run; repeating it goes on.
 * @throws Refusal, or what went wrong
 */
export async function rekeyState(context: StateContext, wanted: StateSecrets): Promise<void> {
  const { installation, worker, engine, tell } = context
  const setting = stateSettingOf(installation)
  if (setting.moving)
    throw new Refusal('The state is being moved: end that first, npm run stack-state -- show says how.')
  const { place, secrets: before } = setting
  // The old key is still needed for what it has encrypted.
  const secrets = { ...wanted, environment: { ...before.environment, ...wanted.environment } }
  await tryKey(context, secrets)
  writeStateSetting(installation, worker, { place, secrets: before, rekeying: secrets })
  let done = 0
  try {
    await untilQuiet(context)
    await StackStore.with(engine, accessIn(context, place, secrets), async (store) => {
      for (const name of await store.names()) {
        await store.rekey(name, secrets.provider)
        tell(`  ${name} is encrypted anew`)
        done += 1
      }
    })
  } catch (error) {
    giveFolder(place, worker)
    writeStateSetting(installation, worker, { place, secrets: { ...secrets, provider: before.provider } })
    throw new Refusal(
      `${messageOf(error)} ${done} stacks were encrypted anew, all can be run: repeat this for the rest.`,
      {
        cause: error,
      },
    )
  }
  giveFolder(place, worker)
  writeStateSetting(installation, worker, { place, secrets })
  tell(`Secrets in the state of ${done} stacks, and of all that come, are encrypted by ${secrets.provider}`)
}

/** Encrypts something with the key, before anything is changed. */
async function tryKey(context: StateContext, secrets: StateSecrets): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'dbhost-key-'))
  try {
    const access = accessIn(context, { backendUrl: `file://${scratch}`, environment: {} }, secrets)
    await StackStore.with(context.engine, access, (store) => store.make('try'))
  } catch (error) {
    throw new Refusal(`${secrets.provider} does not encrypt: ${messageOf(error)} Nothing was changed.`, {
      cause: error,
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
