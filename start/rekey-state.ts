import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StateSecrets } from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import { Refusal } from './say.ts'
import { stateSettingOf, writeStateSetting } from './stacks.ts'
import { refuseConflict } from './state-place.ts'
import { inPlace, type StateContext, untilQuiet } from './state-work.ts'

/**
 * Encrypts the secrets in the state of all stacks with another key. Each state says itself what opens it, so after a
 * failure in the middle all can be run; repeating it goes on.
 * @throws Refusal
 */
export async function rekeyState(context: StateContext, given: StateSecrets): Promise<void> {
  const { installation, worker, tell } = context
  const { place, secrets: before, moving, rekeying } = stateSettingOf(installation)
  if (moving)
    throw new Refusal('The state is being moved: end that first, npm run stack-state -- show says how.')
  const known = [rekeying, before].find((one) => one?.provider === given.provider)
  const wanted = known && Object.keys(given.environment).length === 0 ? known : given
  refuseConflict(place, wanted, before, ...(rekeying ? [rekeying] : []))
  // The older keys are still needed for what they have encrypted.
  const environment = { ...before.environment, ...rekeying?.environment, ...wanted.environment }
  const secrets = { provider: wanted.provider, environment }
  await tryKey(context, secrets)
  const names = await inPlace(context, place, secrets, (store) => store.names())
  writeStateSetting(installation, worker, { place, secrets: before, rekeying: secrets })
  let done = 0
  try {
    await untilQuiet(context)
    await inPlace(context, place, secrets, async (store) => {
      for (const name of await store.names()) {
        await store.rekey(name, secrets.provider)
        tell(`  ${name} is encrypted anew`)
        done += 1
      }
    })
  } catch (error) {
    const kept = done === 0 && !rekeying ? before : { provider: before.provider, environment }
    writeStateSetting(installation, worker, { place, secrets: kept })
    throw new Refusal(
      `${messageOf(error)} ${done} of ${names.length} stacks were encrypted anew, all can be run: repeat this for the rest.`,
      { cause: error },
    )
  }
  writeStateSetting(installation, worker, { place, secrets: wanted })
  tell(`Secrets in the state of ${done} stacks, and of all that come, are encrypted by ${secrets.provider}`)
}

/** Encrypts something with the key, before anything is changed. */
async function tryKey(context: StateContext, secrets: StateSecrets): Promise<void> {
  const scratch = mkdtempSync(join(context.installation.runDir, 'state-'))
  chownSync(scratch, context.worker, 0)
  try {
    const place = { backendUrl: `file://${scratch}`, environment: {} }
    await inPlace(context, place, secrets, (store) => store.make('try'))
  } catch (error) {
    throw new Refusal(`${secrets.provider} does not encrypt: ${messageOf(error)} Nothing was changed.`, {
      cause: error,
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
