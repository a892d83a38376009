import { HostError } from '../../provisioner/ssh.ts'
import { applyAllowSet, SEEN_LATER } from '../../provisioner/tenants/apply.ts'
import { raiseRevision } from '../model/host-revision.ts'
import type { TenantBatch } from './tenant-batch.ts'

/**
 * Fills the firewall's allowlist sets. A host that has seen a later revision than there is has outlived the rows: the
 * control plane came back from a backup. Its revisions go on behind that one, and the pass is tried again.
 */
export async function fillAllowSets(
  { connection, dependencies, host }: TenantBatch,
  cidrs: readonly string[],
  revision: number,
): Promise<void> {
  try {
    await applyAllowSet(connection, cidrs, revision)
  } catch (error) {
    const later = error instanceof HostError && error.code === SEEN_LATER && laterRevision(error.stderr)
    if (!later) throw error
    dependencies.log.warn({ host: host.name, revision, later }, 'the host has seen a later revision')
    await raiseRevision(dependencies.em, host.id, later)
    throw error
  }
}

const laterRevision = (stderr: string): number | undefined => {
  const text = /is older than (\d+),/.exec(stderr)?.[1]
  return text === undefined ? undefined : Number(text)
}
