import { createHash } from 'node:crypto'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { edgeDigest } from '../../provisioner/edge/state.ts'
import { applyHost } from '../../provisioner/host/apply.ts'
import { readHostFacts } from '../../provisioner/host/facts.ts'
import { planHost } from '../../provisioner/host/plan.ts'
import { readUpdateFacts } from '../../provisioner/host/updates.ts'
import { edgeWanted, hostWanted, innerWanted } from '../../provisioner/host/wanted.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import { sh } from '../../provisioner/shell.ts'
import { type HostConnection, HostError } from '../../provisioner/ssh.ts'
import { Host } from '../model/host.ts'
import type { TenantBatch } from './tenant-batch.ts'

/** Tells one configuration of a host from another: its spec and every file that we would write. */
export function configurationDigest(spec: HostSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(hostWanted(spec)))
    .digest('hex')
    .slice(0, 16)
}

/** Brings the host itself (packages, files, units) to what its spec says. @returns how many changes that took */
export async function convergeHost(batch: TenantBatch): Promise<number> {
  const { connection, host, journal, dependencies } = batch
  const converging = batch.live.filter((operation) => operation.kind === 'converge-host')
  await journal.end(converging, 'connect')
  journal.begin(converging, 'configure')
  const wanted = isStackManaged(batch) ? innerWanted(host.spec) : hostWanted(host.spec)
  const actions = planHost(wanted, await readHostFacts(connection, wanted))
  let done = 0
  await applyHost(connection, actions, async ({ action, state, detail }) => {
    if (state === 'done') done += 1
    const text = `${done} of ${actions.length} changes: ${action.title}${detail ? ` (${detail})` : ''}`
    journal.detail(converging, 'configure', text)
    const begins = state === 'running' && detail === undefined
    if (begins) await dependencies.checkpoint(`converge-host:change:${action.id}`)
  })
  const changes = actions.map((action) => action.title)
  const summary = changes.length > 30 ? [...changes.slice(0, 30), `${changes.length - 30} more`] : changes
  await journal.end(
    converging,
    'configure',
    `${changes.length} changes${changes.length > 0 ? ': ' : ''}${summary.join('; ')}`,
  )
  await recordConverged(batch, await readCa(connection))
  return actions.length
}

const readCa = async (connection: HostConnection): Promise<string> =>
  (await connection.run(sh`cat ${LAYOUT.ca}`)).trim()

/**
 * Looks which updates wait on the host; after the tenants, who need not wait for it. A package manager that cannot
 * answer holds up nobody: the older facts stay, with their time.
 */
export async function recordUpdates({ connection, dependencies, host }: TenantBatch): Promise<void> {
  try {
    const updates = { checkedAt: new Date().toISOString(), ...(await readUpdateFacts(connection)) }
    await dependencies.em.fork().nativeUpdate(Host, { id: host.id }, { updates })
  } catch (error) {
    if (!(error instanceof HostError) || error.kind !== 'exit') throw error
    dependencies.log.warn({ host: host.name, err: error }, 'the host does not say which updates wait')
  }
}

/** Does the stack of this host configure its edge? Without an engine nobody but us can. */
export const isStackManaged = ({ host, dependencies }: TenantBatch): boolean =>
  host.stack !== null && host.stack !== undefined && dependencies.hasEngine()

async function recordConverged({ dependencies, host }: TenantBatch, caCertificate: string): Promise<void> {
  const change = {
    caCertificate: `${caCertificate}\n`,
    convergedDigest: configurationDigest(host.spec),
    edgeDigest: edgeDigest(edgeWanted(host.spec).modules),
  }
  await dependencies.em.fork().nativeUpdate(Host, { id: host.id }, change)
  Object.assign(host, change)
}
