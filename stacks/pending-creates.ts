import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { findInCloud } from './cloud-lookup.ts'

/** A resource as the state keeps it; of a pending creation without its id. */
interface StateResource {
  urn: string
  type: string
  inputs: Record<string, unknown>
  id?: string
  outputs?: Record<string, unknown>
  pendingReplacement?: boolean
}

/** What of an exported state counts here. */
interface Deployment {
  resources?: StateResource[]
  pending_operations?: { type: string; resource: StateResource }[]
}

/**
 * After a run that died: takes up what it made in the cloud without learning of it, and forgets attempts that made
 * nothing. The attempts stand in the state until all of it is done, so dying here is made good as well. What stands on a
 * host itself is found by looking at it, so nothing is lost by forgetting that.
 */
export async function settlePendingCreates(stack: Stack): Promise<void> {
  const { exported, deployment } = await read(stack)
  const creating = (deployment.pending_operations ?? []).filter(({ type }) => type === 'creating')
  if (creating.length === 0) return
  const resources = deployment.resources ?? []
  const taken: string[] = []
  for (const { resource } of creating) {
    const known = resources.find(({ urn, pendingReplacement }) => urn === resource.urn && !pendingReplacement)
    const id = known?.id ?? (await findInCloud(resource.type, resource.inputs))
    if (id === undefined) continue
    taken.push(resource.urn)
    if (!known) resources.push({ ...resource, id, outputs: seedOf(resource) })
  }
  if (taken.length > 0) {
    // What was deleted to be replaced is gone; its successor stands in its place.
    const standing = resources.filter(
      ({ urn, pendingReplacement }) => !(pendingReplacement && taken.includes(urn)),
    )
    await stack.importStack({ ...exported, deployment: { ...deployment, resources: standing } })
    // So far they are in the state as they were asked for; now as they are.
    await stack.refresh({ color: 'never', target: taken })
  }
  const now = await read(stack)
  await stack.importStack({ ...now.exported, deployment: { ...now.deployment, pending_operations: [] } })
}

async function read(stack: Stack) {
  const exported = await stack.exportStack()
  return { exported, deployment: (exported.deployment ?? {}) as Deployment }
}

/** Are there machines of the cloud in this state? */
export async function holdsMachines(stack: Stack): Promise<boolean> {
  const { deployment } = await read(stack)
  return (deployment.resources ?? []).some(({ type }) => type.startsWith('hcloud:'))
}

/** The URNs of everything that this state holds, but the stack itself and the providers. */
export async function urnsOf(stack: Stack): Promise<string[]> {
  const { deployment } = await read(stack)
  return (deployment.resources ?? []).flatMap(({ urn, type }) => (type.startsWith('pulumi:') ? [] : [urn]))
}

/**
 * What the provider's look at the real thing starts from; nothing makes it an import. The networks of a server are read
 * only where there are some already, else the next run would take its addresses off.
 */
const seedOf = ({ type, inputs }: StateResource): Record<string, unknown> =>
  type === 'hcloud:index/server:Server' ? withoutMarks(inputs) : {}

/** Inputs without what Pulumi notes among them. */
function withoutMarks<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutMarks) as T
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key]) => key !== '__defaults')
  return Object.fromEntries(kept.map(([key, part]) => [key, withoutMarks(part)])) as T
}
