import type { Deployment, Stack } from '@pulumi/pulumi/automation/index.js'
import { HOST_LABEL } from '../hosts/hcloud/machine.ts'

/** A resource as the state keeps it; of a pending creation without its id. */
export interface StateResource {
  urn: string
  type: string
  inputs: Record<string, unknown>
  id?: string
  outputs?: Record<string, unknown>
  pendingReplacement?: boolean
}

/** What of an exported state counts for us. */
interface Content {
  resources?: StateResource[]
  pending_operations?: { type: string; resource: StateResource }[]
}

/** The state of a stack, and what it holds. */
export interface StackState {
  exported: Deployment
  resources: StateResource[]
  /** Creations that were begun and of which it does not know whether they happened. */
  creating: StateResource[]
}

export const readState = async (stack: Stack): Promise<StackState> => stateOf(await stack.exportStack())

function stateOf(exported: Deployment): StackState {
  const { resources = [], pending_operations = [] } = (exported.deployment ?? {}) as Content
  const creating = pending_operations.flatMap(({ type, resource }) => (type === 'creating' ? [resource] : []))
  return { exported, resources, creating }
}

/** Puts other content in its place. @returns the state as it is then */
export async function writeState(
  stack: Stack,
  { exported }: StackState,
  content: Content,
): Promise<StackState> {
  const written = { ...exported, deployment: { ...exported.deployment, ...content } }
  await stack.importStack(written)
  return stateOf(written)
}

const isBought = ({ type }: StateResource): boolean =>
  type.startsWith('hcloud:') || type.startsWith('random:')

/** Is anything in it that was bought, or that may have been when a run died? */
export const holdsMachines = ({ resources, creating }: StackState): boolean =>
  [...resources, ...creating].some(isBought)

/** The URNs of what was bought, and of what its names are made from. */
export const cloudUrnsOf = ({ resources }: StackState): string[] =>
  resources.filter(isBought).map(({ urn }) => urn)

/** Without what stands on the machine itself. */
export const withoutEdge = (resources: readonly StateResource[]): StateResource[] =>
  resources.filter(({ type }) => !type.startsWith('vps:'))

/** Was anything in it bought for another host than this? A later one may bear the same name. */
export const isOfAnother = ({ resources }: StackState, { id }: { id: string }): boolean =>
  resources.some(({ type, inputs }) => {
    const labels = type.startsWith('hcloud:')
      ? (inputs.labels as Record<string, unknown> | undefined)
      : undefined
    const owner = labels?.[HOST_LABEL]
    return owner !== undefined && owner !== id
  })
