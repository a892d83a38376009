import { Command, InvalidArgumentError, Option } from 'commander'
import { addHost, listHosts, moveUpdateWindow, takeHostAway } from './admin-hosts.ts'
import { growStorage, readSize } from './admin-projects.ts'
import { runCommand } from './say.ts'
import { withRunning } from './services.ts'

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port > 0 && port < 65_536) return port
  throw new InvalidArgumentError('a port is a number from 1 to 65535.')
}

const admin = new Command('npm run admin --').description('For whoever runs this installation.')
const host = admin.command('host').description('The machines that databases live on.')

host
  .command('add')
  .description('Registers a machine and makes it ready for databases.')
  .argument('<name>', 'name of the host: lower-case letters, digits, hyphens')
  .addOption(
    new Option('--kind <kind>', 'booted on this computer, or yours')
      .choices(['local', 'ssh'])
      .makeOptionMandatory(),
  )
  .addOption(new Option('--tenancy <tenancy>').choices(['shared', 'dedicated']).default('shared'))
  .option('--address <address>', 'IP address that clients and this computer connect to (ssh)')
  .option('--port <number>', 'port of its SSH server (ssh)', readPort, 22)
  .option('--user <user>', 'root, or a user with sudo (ssh)', 'root')
  .option('--key <file>', 'private key for that user (ssh)')
  .option('--host-key <key>', 'its ssh_host_ed25519_key.pub, as a file or as text (ssh)')
  .action(async (name, options) => {
    await runCommand(() => withRunning((services) => addHost(services, name, options)))
  })

host
  .command('list')
  .description('Shows every host and how it was last seen.')
  .action(async () => {
    await runCommand(() => withRunning(({ em }) => listHosts(em)))
  })

host
  .command('update-window')
  .description('Sets when a host installs updates, with the restarts that they need.')
  .argument('<name>', 'name of the host')
  .argument('<time>', 'HH:MM, UTC')
  .action(async (name, time) => {
    await runCommand(() => withRunning((services) => moveUpdateWindow(services, name, time)))
  })

host
  .command('remove')
  .description('Takes a host without databases out; a local machine is removed, a bought one given back.')
  .argument('<name>', 'name of the host')
  .option('--forget', 'a bought one of which nothing is left at the provider')
  .action(async (name, { forget = false }: { forget?: boolean }) => {
    await runCommand(() => withRunning((services) => takeHostAway(services, name, forget)))
  })

const project = admin
  .command('project')
  .description('Clients or products of an account, each with storage of its own.')

project
  .command('grow')
  .description(
    'Makes the storage of a project on a host larger while it is in use; it is never made smaller.',
  )
  .argument('<project>', 'id of the project, or its name')
  .requiredOption('--host <host>', 'name of the host')
  .requiredOption('--size <size>', 'new size: 20GB', readSize)
  .action(async (name, options) => {
    await runCommand(() => withRunning((services) => growStorage(services, name, options)))
  })

await admin.parseAsync()
process.exit()
