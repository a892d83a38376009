import type { Resource } from '@pulumi/pulumi'
import type { HostAccess } from '../hosts/host-spec.ts'
import { EDGE_PARTS, type EdgePart, edgeModule } from '../provisioner/edge/parts.ts'
import { edgeDigest } from '../provisioner/edge/state.ts'
import { cloudMachine } from './cloud-machine.ts'
import type { HostDocument } from './document.ts'
import { type EdgeArgs, EdgeResource } from './resources.ts'

/** What a run may need that no document holds. */
export interface StackSecrets {
  /** The private half of a bought host's own SSH key, for its first boot. */
  hostKey?: string | undefined
}

/**
 * Everything of one host that a stack owns, from its document alone.
 * @throws where this checkout would make another edge than the control plane's code
 */
export function hostStack(document: HostDocument, { hostKey }: StackSecrets = {}): Record<string, unknown> {
  checkVersion(document)
  const { name, access, cloud, spec, revision } = document
  if (cloud && hostKey === undefined) {
    throw new Error(`Set DBHOST_HOST_KEY_FILE to the private half of the key by which ${name} is known.`)
  }
  const machine = cloud && hostKey !== undefined ? cloudMachine(document, hostKey) : null
  if (access) edge(document, access, machine?.server)
  return { host: name, revision, addresses: spec.addresses, ...machine?.outputs }
}

/** @param server the edge's own, where it was bought: the two go together */
function edge(document: HostDocument, access: HostAccess, server: Resource | undefined): void {
  const { name, spec, revision, allow, holdsDatabases } = document
  let before: EdgeResource | undefined
  for (const part of EDGE_PARTS) {
    const args: EdgeArgs = { access, spec, revision, ...(part === 'firewall' ? { allow } : {}) }
    const options = {
      protect: holdsDatabases,
      // One after the other: each takes the lock of the host.
      ...(before ? { dependsOn: [before] } : {}),
      // Nobody has to log in to a machine that is given back anyway.
      ...(server ? { deletedWith: server } : {}),
    }
    before = new EdgeResource(part, resourceName(name, part), args, options)
  }
}

/** Unique in the stack, and the same for ever: another name is another resource. */
const resourceName = (host: string, part: EdgePart): string => `${host}-${part}`

function checkVersion({ edgeDigest: wanted, spec }: HostDocument): void {
  const own = edgeDigest(EDGE_PARTS.map((part) => edgeModule(part, spec)))
  if (wanted === null || wanted === own) return
  throw new Error(
    'This checkout would make another edge than the service does: check out the version that the service runs.',
  )
}
