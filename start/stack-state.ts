import { join } from 'node:path'
import { Command } from 'commander'
import { ensureEngine } from './engine.ts'
import type { Installation } from './installation.ts'
import { takeLock } from './lock.ts'
import { moveState } from './move-state.ts'
import { findWorkerId } from './os-users.ts'
import { rekeyState } from './rekey-state.ts'
import { Refusal, runCommand, say } from './say.ts'
import { withRunning } from './services.ts'
import { giveStateSetting, stackBackend, stateSettingOf } from './stacks.ts'
import { describePlace, OWN, readPlace, readSecrets } from './state-place.ts'
import { removeOldScratch, type StateContext } from './state-work.ts'

/** Changes where the state lies, or how; one such change at a time. */
async function change(action: (context: StateContext) => Promise<void>): Promise<void> {
  await withRunning(async (_, installation) => {
    const taken = takeLock(join(installation.stateDir, 'stack-state.lock'), 'npm run stack-state')
    if ('holder' in taken)
      throw new Refusal('The state is being changed by another command: wait for its end.')
    const worker = findWorkerId(installation)
    if (worker === undefined) throw new Refusal('The worker has no OS user: npm start makes it.')
    const engine = await ensureEngine(installation, worker)
    if (!engine)
      throw new Refusal('No Pulumi engine is here that could do it: npm run doctor says what is missing.')
    giveStateSetting(installation, worker)
    removeOldScratch(installation)
    await action({ installation, engine, worker, tell: say })
  })
}

function show(installation: Installation): void {
  const own = stackBackend(installation)
  const { place, secrets, moving, rekeying } = stateSettingOf(installation)
  console.log(`State      ${describePlace(place, own)}`)
  console.log(`Secrets    ${secrets.provider}`)
  const nameOf = (url: string): string => (url === own ? OWN : url)
  if (moving)
    console.log(
      `A move to ${describePlace(moving, own)} goes on or was cut short; no stack is run meanwhile.\n` +
        `  To go on:   npm run stack-state -- move '${nameOf(moving.backendUrl)}'\n` +
        `  To go back: npm run stack-state -- move '${nameOf(place.backendUrl)}'`,
    )
  if (rekeying)
    console.log(
      `A change to ${rekeying.provider} goes on or was cut short; no stack is run meanwhile.\n` +
        `  To go on:   npm run stack-state -- secrets '${rekeying.provider}'`,
    )
}

const program = new Command('npm run stack-state --').description(
  'Where the state of the Pulumi stacks lies.',
)
program
  .command('show')
  .description('Says where it lies and what encrypts its secrets.')
  .action(() => runCommand(() => withRunning(async (_, installation) => show(installation))))
program
  .command('move')
  .description('Brings it to another place; what opens that is taken from the environment (PG…, AWS_…).')
  .argument('<place>', `${OWN}, postgres://user@host/database, file:///folder, s3://bucket/prefix?region=…`)
  .action((place) =>
    runCommand(() =>
      change((context) => {
        const { clone, stateDir, runDir } = context.installation
        const own = stackBackend(context.installation)
        return moveState(context, readPlace(place, own, process.env, [clone, stateDir, runDir]))
      }),
    ),
  )
program
  .command('secrets')
  .description('Encrypts its secrets with another key; what opens that is taken from the environment.')
  .argument('<key>', 'passphrase, or a key: awskms://…, azurekeyvault://…, gcpkms://…, hashivault://…')
  .action((key) => runCommand(() => change((context) => rekeyState(context, readSecrets(key, process.env)))))

await program.parseAsync()
process.exit()
