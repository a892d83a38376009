import type { Deployment, Stack } from '@pulumi/pulumi/automation/index.js'

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

export async function readState(stack: Stack): Promise<StackState> {
  const exported = await stack.exportStack()
  const { resources = [], pending_operations = [] } = (exported.deployment ?? {}) as Content
  const creating = pending_operations.flatMap(({ type, resource }) => (type === 'creating' ? [resource] : []))
  return { exported, resources, creating }
}

/** Puts other content in its place. */
export async function writeState(stack: Stack, { exported }: StackState, content: Content): Promise<void> {
  await stack.importStack({ ...exported, deployment: { ...exported.deployment, ...content } })
}

/** Are there machines of the cloud in it? */
export const holdsMachines = ({ resources }: StackState): boolean =>
  resources.some(({ type }) => type.startsWith('hcloud:'))

/** The URNs of everything in it but the stack itself and the providers. */
export const urnsOf = ({ resources }: StackState): string[] =>
  resources.flatMap(({ urn, type }) => (type.startsWith('pulumi:') ? [] : [urn]))
