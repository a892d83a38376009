import { existsSync, rmdirSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { removeImages, removeMachines } from '../hosts/local/remove.ts'
import { removeControlGroups } from './control-groups.ts'
import { findInstallation, type Installation, ownClone } from './installation.ts'
import { presentUserIds, removeOsUsers } from './os-users.ts'
import { endProcessesOf } from './processes.ts'
import { Refusal, runCommand, say } from './say.ts'
import { refuseWhileHeld } from './start-lock.ts'

const GRACE_MS = 5000

await runCommand(async () => {
  const [yes, cache] = readOptions(process.argv.slice(2))
  const clone = ownClone()
  const { installation, copiedFrom } = findInstallation(clone)
  if (copiedFrom) say(`.dbhost was copied from ${copiedFrom}; what belongs to that folder stays`)
  if (installation) {
    const lock = refuseWhileHeld(installation, 'npm run reset')
    if (!yes) await confirm(installation)
    await removeInstallation(installation)
    lock?.release()
  }
  rmSync(`${clone}/.dbhost`, { recursive: true, force: true })
  say(installation ? 'Every trace of this folder is gone' : 'Nothing was here to remove')
  if (cache) say((await removeImages()) ? 'The image cache is gone' : 'The image cache stays: others use it')
  tidy()
})

function readOptions(args: string[]): [yes: boolean, cache: boolean] {
  const unknown = args.find((arg) => !['--yes', '--cache'].includes(arg))
  if (unknown !== undefined) {
    throw new Refusal(
      `${unknown} is no option of reset: it takes --yes (do not ask) and --cache (images too).`,
    )
  }
  return [args.includes('--yes'), args.includes('--cache')]
}

async function confirm({ id, clone }: Installation): Promise<void> {
  if (!process.stdin.isTTY)
    throw new Refusal('Reset asks before it removes data: add --yes to answer in a script.')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const question = `Remove installation ${id} of ${clone} with all its machines and databases? Type yes: `
  const answer = await terminal.question(question)
  terminal.close()
  if (answer.trim() !== 'yes') throw new Refusal('Nothing was removed: only yes removes.')
}

/** Each step does nothing where its work is done, so a reset that was cut short is simply repeated. */
async function removeInstallation(installation: Installation): Promise<void> {
  say('Ending server, worker and PostgreSQL')
  await endProcessesOf(presentUserIds(installation), GRACE_MS)
  say('Removing machines, links and firewall table')
  await removeMachines(installation.stateDir, installation.id)
  removeControlGroups(installation.id)
  say('Removing OS users, state and sockets')
  await removeOsUsers(installation)
  rmSync(installation.runDir, { recursive: true, force: true })
  rmSync(installation.stateDir, { recursive: true, force: true })
}

/** The common folders go with their last installation. */
function tidy(): void {
  for (const shared of ['/var/lib/dbhost', '/run/dbhost']) {
    try {
      if (existsSync(shared)) rmdirSync(shared)
    } catch {
      // Others still have something there.
    }
  }
}
