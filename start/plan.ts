import { program } from 'commander'
import { Host } from '../api/model/host.ts'
import { openHostKey } from '../api/operations/host-keys.ts'
import { loadTenants } from '../api/operations/wanted.ts'
import { readHostFacts } from '../provisioner/host/facts.ts'
import { planHost } from '../provisioner/host/plan.ts'
import { hostWanted } from '../provisioner/host/wanted.ts'
import { connectHost, type HostConnection } from '../provisioner/ssh.ts'
import { type FactScope, readTenantFacts } from '../provisioner/tenants/facts.ts'
import { planTenants } from '../provisioner/tenants/plan.ts'
import { readBoxPrivateKey } from './keys.ts'
import { Refusal, runCommand } from './say.ts'
import { type HostServices, withRunning } from './services.ts'

program
  .name('npm run plan --')
  .description('Prints what a converge of the host would change, and changes nothing.')
  .argument('<host>', 'name of a registered host')
  .helpOption('--help')
  .parse()

await runCommand(() =>
  withRunning(async (services, installation) => {
    const [name = ''] = program.args
    const em = services.em.fork()
    const host = await em.findOne(Host, { name, removedAt: null })
    if (!host) throw new Refusal(`There is no host ${name}: npm run admin -- host list shows them.`)
    if (!host.ssh) throw new Refusal(`The host ${name} has not booted yet: repeat this when it has.`)
    const privateKey = await openHostKey(em, readBoxPrivateKey(installation), host)
    const connection = await connectHost({ ...host.ssh, privateKey })
    try {
      const wanted = hostWanted(host.spec)
      const actions = planHost(wanted, await readHostFacts(connection, wanted))
      const titles = actions.map(({ title }) => title)
      // The scripts that read what tenants have come with the first converge.
      if (host.convergedDigest) titles.push(...(await tenantDifferences(services, host, connection)))
      for (const title of titles) console.log(`  ${title}`)
      console.log(`${titles.length} changes on ${name}`)
    } finally {
      connection.close()
    }
  }),
)

async function tenantDifferences(
  { em }: HostServices,
  { id }: Host,
  connection: HostConnection,
): Promise<string[]> {
  const { wanted } = await loadTenants(em, id)
  const scope: FactScope = new Map(wanted.instances.map(({ name }) => [name, 'all'] as const))
  const nothing = { passwords: new Set<string>(), rules: new Set<string>() }
  return planTenants(wanted, await readTenantFacts(connection, scope), nothing).reasons
}
