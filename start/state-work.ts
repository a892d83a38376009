import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessOf, type StatePlace, type StateSecrets } from '../api/operations/stacks/state-setting.ts'
import type { Engine } from '../stacks/engine.ts'
import { StackStore } from '../stacks/stack-store.ts'
import type { Installation } from './installation.ts'
import { workerPassphraseFile } from './keys.ts'
import { runsByHand } from './runs-by-hand.ts'
import { Refusal } from './say.ts'

/** Who changes where the state lies, or how, and how it is told. */
export interface StateContext {
  installation: Installation
  engine: Engine
  /** OS user of the worker, as which the engine works: what opens a place must open it for the worker. */
  worker: number
  tell: (text: string) => void
}

/** A run has a deadline of its own, which is shorter. */
const PATIENCE_MS = 20 * 60_000
const LOOK_AGAIN_MS = 300

const SCRATCH = /^state-/

/** Removes what killed commands left; nobody else may be at it. */
export function removeOldScratch({ runDir }: Installation): void {
  for (const name of readdirSync(runDir).filter((one) => SCRATCH.test(one)))
    rmSync(join(runDir, name), { recursive: true, force: true })
}

/** Works with the stacks in a place. */
export function inPlace<T>(
  { installation, engine, worker }: StateContext,
  place: StatePlace,
  secrets: StateSecrets,
  action: (store: StackStore) => Promise<T>,
): Promise<T> {
  const own = { backendUrl: '', passphraseFile: workerPassphraseFile(installation) }
  const gid = Number(execFileSync('id', ['-g', String(worker)], { encoding: 'utf8' }))
  const settings = { engine, user: { uid: worker, gid }, scratch: installation.runDir }
  return StackStore.with(settings, accessOf(own, place, secrets), action)
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
