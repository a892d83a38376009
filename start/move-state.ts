import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  accessOf,
  type StatePlace,
  type StateSecrets,
  type StateSetting,
} from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import type { Engine } from '../stacks/engine.ts'
import { StackStore } from '../stacks/stack-store.ts'
import type { Installation } from './installation.ts'
import { passphraseFile } from './keys.ts'
import { runsByHand } from './runs-by-hand.ts'
import { Refusal } from './say.ts'
import { stackBackend, stateSettingOf, writeStateSetting } from './stacks.ts'
import { giveFolder, prepareFolder } from './state-folder.ts'
import { describePlace } from './state-place.ts'

/** Who moves, and how it is told. */
export interface StateContext {
  installation: Installation
  engine: Engine
  /** OS user of the worker. */
  worker: number
  tell: (text: string) => void
}

/** A run has a deadline of its own, which is shorter. */
const PATIENCE_MS = 20 * 60_000
const LOOK_AGAIN_MS = 300

/**
 * Brings the state of all stacks to another place, one stack after the other. Whoever repeats it after it was cut short
 * goes on with it, or goes back by naming the place from which it began: until a stack is removed from there, that copy
 * is the one that counts.
 * @throws Refusal, or what went wrong; then all of it is where it was, unless the message says otherwise
 */
export async function moveState(context: StateContext, target: StatePlace): Promise<void> {
  const { installation, worker, tell } = context
  const setting = stateSettingOf(installation)
  const { place, moving } = setting
  const own = stackBackend(installation)
  if (setting.rekeying)
    throw new Refusal(
      'The secrets are being encrypted anew: end that first, npm run stack-state -- show says how.',
    )
  const isBack = target.backendUrl === place.backendUrl
  if (isBack && !moving) return await keepAccess(context, setting, target)
  if (moving && !isBack && target.backendUrl !== moving.backendUrl)
    throw new Refusal(
      `A move to ${describePlace(moving, own)} was cut short: repeat it, or go back to ${describePlace(place, own)}.`,
    )
  prepareFolder(target, worker)
  if (!moving) await refuseTaken(context, setting, target)
  const other = isBack ? (moving as StatePlace) : target
  const current = isBack ? target : place
  writeStateSetting(installation, worker, { ...setting, place: current, moving: other })
  try {
    await untilQuiet(context)
    await betweenPlaces(context, current, other, setting.secrets, isBack ? bringBack : bring)
  } catch (error) {
    if (moving) throw cutShort(error)
    await betweenPlaces(context, current, other, setting.secrets, bringBack).catch((failure: unknown) => {
      throw cutShort(failure)
    })
    giveFolder(current, worker)
    writeStateSetting(installation, worker, setting)
    throw new Refusal(`${messageOf(error)} All stacks are where they were.`, { cause: error })
  }
  giveFolder(target, worker)
  writeStateSetting(installation, worker, { place: target, secrets: setting.secrets })
  tell(`The state of all stacks lies in ${describePlace(target, own)}`)
}

const cutShort = (error: unknown): Refusal =>
  new Refusal(
    `${messageOf(error)} Some stacks are in one place and some in the other, and none is run meanwhile: npm run stack-state -- show says how to go on.`,
    { cause: error },
  )

/** The same place, opened by something else. */
async function keepAccess(context: StateContext, setting: StateSetting, target: StatePlace): Promise<void> {
  const { installation, worker, tell } = context
  await namesIn(context, target, setting)
  writeStateSetting(installation, worker, { ...setting, place: target })
  tell(
    isDeepStrictEqual(setting.place, target)
      ? 'The state of all stacks lies there already'
      : 'The state of all stacks stays where it is and is opened as this command was told',
  )
}

/** Those of somebody else would be taken for ours. */
async function refuseTaken(context: StateContext, setting: StateSetting, target: StatePlace): Promise<void> {
  const names = await namesIn(context, target, setting)
  if (names.length > 0)
    throw new Refusal(
      `There are stacks already (${names.slice(0, 3).join(', ')}): name a place of this installation's own, such as another folder or prefix.`,
    )
}

/** The stacks that are in a place. @throws Refusal where it cannot be opened */
async function namesIn(
  context: StateContext,
  target: StatePlace,
  { secrets }: StateSetting,
): Promise<string[]> {
  const access = accessIn(context, target, secrets)
  try {
    return await StackStore.with(context.engine, access, (store) => store.names())
  } catch (error) {
    throw new Refusal(`${target.backendUrl} cannot be used: ${messageOf(error)}. Nothing was changed.`, {
      cause: error,
    })
  }
}

export const accessIn = ({ installation }: StateContext, place: StatePlace, secrets: StateSecrets) =>
  accessOf({ backendUrl: '', passphraseFile: passphraseFile(installation) }, place, secrets)

type Bring = (current: StackStore, other: StackStore, tell: (text: string) => void) => Promise<void>

async function betweenPlaces(
  context: StateContext,
  current: StatePlace,
  other: StatePlace,
  secrets: StateSecrets,
  bringing: Bring,
): Promise<void> {
  const { engine, tell } = context
  await StackStore.with(engine, accessIn(context, current, secrets), (from) =>
    StackStore.with(engine, accessIn(context, other, secrets), (to) => bringing(from, to, tell)),
  )
}

const bring: Bring = async (current, other, tell) => {
  for (const name of await current.names()) {
    await current.copyTo(other, name)
    await current.remove(name)
    tell(`  ${name} is there`)
  }
}

/** Those that are still where they were are newer than their copies. */
const bringBack: Bring = async (current, other, tell) => {
  const here = await current.names()
  for (const name of await other.names()) {
    if (!here.includes(name)) await other.copyTo(current, name)
    await other.remove(name)
    tell(`  ${name} is back`)
  }
}

/** Waits for the end of all runs that began before they were told not to. */
export async function untilQuiet({ installation, tell }: StateContext): Promise<void> {
  const runs = join(installation.stateDir, 'stacks', 'runs')
  const end = Date.now() + PATIENCE_MS
  for (let told = 0; ; ) {
    const open = [...(existsSync(runs) ? readdirSync(runs) : []), ...runsByHand(installation)]
    if (open.length === 0) return
    if (Date.now() > end) throw new Refusal(`These runs of stacks do not end: ${open.join(', ')}.`)
    if (open.length !== told) tell(`Waiting for the end of ${open.length} runs of stacks`)
    told = open.length
    await sleep(LOOK_AGAIN_MS)
  }
}
