import { isDeepStrictEqual } from 'node:util'
import type { StatePlace, StateSetting } from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import type { StackStore } from '../stacks/stack-store.ts'
import { Refusal } from './say.ts'
import { stackBackend, stateSettingOf, writeStateSetting } from './stacks.ts'
import { prepareFolder } from './state-folder.ts'
import { describePlace, refuseConflict } from './state-place.ts'
import { inPlace, type StateContext, untilQuiet } from './state-work.ts'

/**
 * Brings the state of all stacks to another place, one stack after the other. What was cut short is gone on with by
 * repeating it, or taken back by naming the place where it began.
 * @throws Refusal that says where the state is
 */
export async function moveState(context: StateContext, wanted: StatePlace): Promise<void> {
  const { installation, worker, tell } = context
  const setting = stateSettingOf(installation)
  const { place, moving, secrets } = setting
  const own = stackBackend(installation)
  if (setting.rekeying)
    throw new Refusal(
      'The secrets are being encrypted anew: end that first, npm run stack-state -- show says how.',
    )
  const known = [place, moving].find((one) => one?.backendUrl === wanted.backendUrl)
  const target = known ? sameOrGiven(known, wanted) : wanted
  if (moving && !known)
    throw new Refusal(
      `A move to ${describePlace(moving, own)} was cut short: repeat it, or go back to ${describePlace(place, own)}.`,
    )
  refuseConflict(target, secrets)
  if (!known) prepareFolder(target, worker)
  await opens(context, setting, target, { empty: !known })
  const isBack = known?.backendUrl === place.backendUrl
  if (isBack && !moving) return keepAccess(context, setting, target)
  const begun = isBack ? { ...setting, place: target } : { ...setting, moving: target }
  writeStateSetting(installation, worker, begun)
  try {
    await untilQuiet(context)
    await inBoth(context, begun, refuseSame)
  } catch (error) {
    writeStateSetting(installation, worker, setting)
    throw moving ? cutShort(error) : asBefore(error)
  }
  try {
    await (isBack ? turnBack : bring)(context, begun)
  } catch (error) {
    if (moving) throw cutShort(error)
    await turnBack(context, begun).catch((failure: unknown) => {
      throw cutShort(failure)
    })
    throw asBefore(error)
  }
  tell(`The state of all stacks lies in ${describePlace(target, own)}`)
}

const asBefore = (error: unknown): Refusal =>
  new Refusal(`${messageOf(error)} All stacks are where they were.`, { cause: error })

/** A command that brings nothing that opens the place leaves what is known of it. */
const sameOrGiven = (known: StatePlace, given: StatePlace): StatePlace =>
  Object.keys(given.environment).length === 0 ? known : given

const cutShort = (error: unknown): Refusal =>
  new Refusal(
    `${messageOf(error)} Some stacks may be in one place and some in the other, and none is run meanwhile: npm run stack-state -- show says how to go on.`,
    { cause: error },
  )

/** The same place, opened by something else. */
function keepAccess(
  { installation, worker, tell }: StateContext,
  setting: StateSetting,
  target: StatePlace,
): void {
  writeStateSetting(installation, worker, { ...setting, place: target })
  tell(
    isDeepStrictEqual(setting.place, target)
      ? 'The state of all stacks lies there already'
      : 'The state of all stacks stays where it is and is opened as this command was told',
  )
}

/** @param empty stacks of somebody else would be taken for ours @throws Refusal where it cannot be used */
async function opens(
  context: StateContext,
  { secrets }: StateSetting,
  target: StatePlace,
  { empty }: { empty: boolean },
): Promise<void> {
  const names = await inPlace(context, target, secrets, (store) =>
    empty ? store.allNames() : store.names(),
  ).catch((error: unknown) => {
    throw new Refusal(`${target.backendUrl} cannot be used: ${messageOf(error)}. Nothing was changed.`, {
      cause: error,
    })
  })
  if (!empty || names.length === 0) return
  throw new Refusal(
    `There are stacks already (${names.slice(0, 3).join(', ')}): name a place of this installation's own, such as another folder or prefix.`,
  )
}

type Both = (current: StackStore, other: StackStore) => Promise<void>

async function inBoth(
  context: StateContext,
  { place, moving, secrets }: StateSetting,
  action: Both,
): Promise<void> {
  if (!moving) throw new Error('nothing is being moved')
  await inPlace(context, place, secrets, (current) =>
    inPlace(context, moving, secrets, (other) => action(current, other)),
  )
}

/** What is brought there would be removed from there. @throws Refusal */
const refuseSame: Both = async (current, other) => {
  if (await current.isSameAs(other)) throw new Refusal('That is the same place by another name.')
}

/** Brings what is still in the place to where it is moving. A stack that is in both has not got there whole. */
async function bring(context: StateContext, setting: StateSetting): Promise<void> {
  const { installation, worker, tell } = context
  await inBoth(context, setting, async (current, other) => {
    for (const name of await current.names()) {
      await current.copyTo(other, name)
      await current.remove(name)
      tell(`  ${name} is there`)
    }
  })
  writeStateSetting(installation, worker, {
    place: setting.moving ?? setting.place,
    secrets: setting.secrets,
  })
}

/** A move back is one like any other as soon as what did not get there whole is away. */
async function turnBack(context: StateContext, setting: StateSetting): Promise<void> {
  const { installation, worker } = context
  const { place, moving, secrets } = setting
  await inBoth(context, setting, async (current, other) => {
    const here = await current.names()
    for (const name of await other.names()) if (here.includes(name)) await other.remove(name)
  })
  const turned = { place: moving ?? place, moving: place, secrets }
  writeStateSetting(installation, worker, turned)
  await bring(context, turned)
}
