import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { findInCloud } from './cloud-lookup.ts'
import { readState, type StackState, type StateResource, writeState } from './stack-state.ts'

/**
 * After a run that died: takes up what it made in the cloud without learning of it, and forgets attempts that made
 * nothing. The attempts stand in the state until all of it is done, so dying here is made good as well. What stands on a
 * host itself is found by looking at it, so nothing is lost by forgetting that.
 * @returns the state as it is then
 */
export async function settlePendingCreates(stack: Stack, state: StackState): Promise<StackState> {
  if (state.creating.length === 0) return state
  const { resources } = state
  const taken: string[] = []
  for (const resource of state.creating) {
    const known = resources.find(({ urn, pendingReplacement }) => urn === resource.urn && !pendingReplacement)
    const id = known?.id ?? (await findInCloud(resource.type, resource.inputs))
    if (id === undefined) continue
    taken.push(resource.urn)
    if (!known) resources.push({ ...resource, id, outputs: seedOf(resource) })
  }
  if (taken.length === 0) return await writeState(stack, state, { pending_operations: [] })
  // What was deleted to be replaced is gone; its successor stands in its place.
  const standing = resources.filter(
    ({ urn, pendingReplacement }) => !(pendingReplacement && taken.includes(urn)),
  )
  await writeState(stack, state, { resources: standing })
  // So far they are in the state as they were asked for; now as they are.
  await stack.refresh({ color: 'never', target: taken })
  return await writeState(stack, await readState(stack), { pending_operations: [] })
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
