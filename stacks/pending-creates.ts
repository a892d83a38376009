import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { findInCloud } from './cloud-lookup.ts'

/** A resource as the state keeps it; of a pending creation without its id. */
interface StateResource {
  urn: string
  type: string
  inputs: Record<string, unknown>
  id?: string
  outputs?: Record<string, unknown>
}

/** What of an exported state counts here. */
interface Deployment {
  resources?: StateResource[]
  pending_operations?: { type: string; resource: StateResource }[]
}

/**
 * After a run that died: takes up what it made in the cloud without learning of it, and forgets attempts that made
 * nothing. What stands on a host itself is found by looking at it, so nothing is lost by forgetting that.
 */
export async function settlePendingCreates(stack: Stack): Promise<void> {
  const exported = await stack.exportStack()
  const deployment = (exported.deployment ?? {}) as Deployment
  const pending = deployment.pending_operations ?? []
  if (pending.length === 0) return
  const resources = deployment.resources ?? []
  for (const { type, resource } of pending) {
    const id = type === 'creating' ? await findInCloud(resource.type, resource.inputs) : undefined
    if (id !== undefined) resources.push({ ...resource, id, outputs: seedOf(resource) })
  }
  await stack.importStack({ ...exported, deployment: { ...deployment, resources, pending_operations: [] } })
  // What was taken up is in the state as it was asked for; now as it is.
  await stack.refresh({ color: 'never' })
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
