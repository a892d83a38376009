import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { boughtDirectory } from '../api/operations/stacks/noted-bought.ts'
import { byText } from '../common/order.ts'
import { removeImages, removeMachines } from '../hosts/local/remove.ts'
import { removeControlGroups } from './control-groups.ts'
import { findInstallation, type Installation, ownClone } from './installation.ts'
import { presentUserIds, removeOsUsers } from './os-users.ts'
import { endProcessesOf } from './processes.ts'
import { Refusal, runCommand, say } from './say.ts'
import { stackBackend, stateSettingOf } from './stacks.ts'
import { refuseWhileHeld } from './start-lock.ts'

const GRACE_MS = 5000
const OPTIONS = {
  '--yes': 'do not ask',
  '--cache': 'images too',
  '--forget-bought': 'machines that were bought go on costing money, and nothing here knows of them any more',
}

await runCommand(async () => {
  const { yes, cache, forgetBought } = readOptions(process.argv.slice(2))
  const clone = ownClone()
  const { installation, copiedFrom } = findInstallation(clone)
  if (copiedFrom) say(`.dbhost was copied from ${copiedFrom}; what belongs to that folder stays`)
  if (installation) {
    const lock = refuseWhileHeld(installation, 'npm run reset')
    if (!forgetBought) refuseWhileBought(installation)
    if (!yes) await confirm(installation)
    const elsewhere = stateElsewhere(installation)
    await removeInstallation(installation)
    if (elsewhere) say(`The state of its stacks stays in ${elsewhere}: remove it there`)
    lock?.release()
  }
  rmSync(`${clone}/.dbhost`, { recursive: true, force: true })
  say(installation ? 'Every trace of this folder is gone' : 'Nothing was here to remove')
  if (cache) say((await removeImages()) ? 'The image cache is gone' : 'The image cache stays: others use it')
  tidy()
})

function readOptions(args: string[]): { yes: boolean; cache: boolean; forgetBought: boolean } {
  const unknown = args.find((arg) => !(arg in OPTIONS))
  if (unknown !== undefined) {
    const known = Object.entries(OPTIONS).map(([name, what]) => `${name} (${what})`)
    throw new Refusal(`${unknown} is no option of reset: it takes ${known.join(', ')}.`)
  }
  const has = (name: keyof typeof OPTIONS): boolean => args.includes(name)
  return { yes: has('--yes'), cache: has('--cache'), forgetBought: has('--forget-bought') }
}

/** Without its rows nobody could give a bought machine back any more. */
function refuseWhileBought({ stateDir }: Installation): void {
  const directory = boughtDirectory(join(stateDir, 'stacks'))
  const files = existsSync(directory) ? readdirSync(directory) : []
  if (files.length === 0) return
  const names = files.map((file) => readFileSync(join(directory, file), 'utf8').trim()).toSorted(byText)
  throw new Refusal(
    `Machines that were bought would go on costing money: ${names.join(', ')}. Start the service and give them back (npm run admin -- host remove <name>), or reset with --forget-bought.`,
  )
}

/** Where the state of stacks lies, if not in the installation itself. */
function stateElsewhere(installation: Installation): string | undefined {
  try {
    const { backendUrl } = stateSettingOf(installation).place
    return backendUrl === stackBackend(installation) ? undefined : backendUrl
  } catch {
    return undefined
  }
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
