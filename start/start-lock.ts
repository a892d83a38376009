import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Installation } from './installation.ts'
import { type Lock, takeLock } from './lock.ts'
import { Refusal } from './say.ts'

/**
 * Takes the lock under which an installation is run or removed.
 * @param command what holds it, for whoever comes second
 * @returns `undefined` where the installation has no state that could be in use
 * @throws {Refusal} that names the holder
 */
export function refuseWhileHeld(installation: Installation, command: string): Lock | undefined {
  if (!existsSync(installation.stateDir)) return undefined
  const taken = takeLock(join(installation.stateDir, 'start.lock'), command)
  if ('lock' in taken) return taken.lock
  const { holder } = taken
  const who = holder ? `${holder.command}, process ${holder.pid}, since ${holder.since}` : 'another command'
  throw new Refusal(
    `This folder's installation is in use (${who}): stop that first${holder ? ` (kill ${holder.pid})` : ''}.`,
  )
}
