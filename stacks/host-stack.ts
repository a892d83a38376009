import { EDGE_PARTS, type EdgePart, edgeModule } from '../provisioner/edge/parts.ts'
import { edgeDigest } from '../provisioner/edge/state.ts'
import type { HostDocument } from './document.ts'
import { type EdgeArgs, EdgeResource } from './resources.ts'

/**
 * Everything of one host that a stack owns, from its document alone.
 * @throws where this checkout would make another edge than the control plane's code
 */
export function hostStack(document: HostDocument): Record<string, unknown> {
  checkVersion(document)
  const { name, access, spec, revision, allow, holdsDatabases } = document
  let before: EdgeResource | undefined
  for (const part of EDGE_PARTS) {
    const args: EdgeArgs = { access, spec, revision, ...(part === 'firewall' ? { allow } : {}) }
    // One after the other: each takes the lock of the host.
    const options = { protect: holdsDatabases, ...(before ? { dependsOn: [before] } : {}) }
    before = new EdgeResource(part, resourceName(name, part), args, options)
  }
  return { host: name, revision, addresses: spec.addresses }
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
