import type { CloudErrorKind } from '../hosts/hcloud/cloud-error.ts'
import type { HostDocument } from './document.ts'

/**
 * `preview` and `preview-destroy` change nothing; `destroy` gives a bought machine back with all that belongs to it, and its state with it.
 * `observe` takes no lock and only looks what others did; `forget` takes the stack out of the state and leaves the host
 * as it is.
 */
export type StackCommand =
  | 'adopt'
  | 'update'
  | 'preview'
  | 'preview-destroy'
  | 'destroy'
  | 'observe'
  | 'forget'

/** What a runner is told by the gateway, once; the keys and nothing else of it are secret. */
export interface RunnerRequest {
  command: StackCommand
  document: HostDocument
  privateKey: string
  /** Of a bought host that may still have to be made. */
  hostKey: string | null
  backendUrl: string
  /** Of a stack that is made. */
  secretsProvider: string
  /** The folder of this run alone. */
  directory: string
  /** Of the executable of our provider. */
  providerDirectory: string
  /** The run before may have died in the middle. */
  recover: boolean
  /** Forget also a machine that was bought: everything of it is gone. */
  forsake: boolean
  /** Look at the host before changing anything. */
  refresh: boolean
  /** Tell the runs by hand that ended after this time, in ISO form; null: do not look. */
  handRunsAfter: string | null
}

/** A run of the engine on a stack that was not ours. */
export interface HandRun {
  kind: string
  /** `succeeded`, `failed`. */
  result: string
  endedAt: string
  changes: number
}

/** What a run did, and what others did before it. */
export interface RunResult {
  changes: ChangeSummary
  byHand: HandRun[]
  /** What the program says of the host after an update; `CloudOutputs` of a bought one. */
  outputs: Record<string, unknown>
}

/** What the stack of a bought host says after an update. */
export interface CloudOutputs {
  serverId: string
  /** The first is the one in connection strings. */
  addresses: string[]
  /** Path of the data volume on the machine. */
  dataDevice: string
}

/** Numbers of resources by what was or would be done with them: `same`, `create`, `update`, `delete`, `replace`. */
export type ChangeSummary = Record<string, number>

/** How many resources were changed in any way. */
export const countOf = (changes: ChangeSummary): number =>
  Object.entries(changes).reduce((sum, [kind, count]) => (kind === 'same' ? sum : sum + count), 0)

/** One resource's change, as it begins or ends. */
export interface StackStep {
  /** `create`, `update`, `delete`, `replace`, `read`, `refresh`, … */
  operation: string
  /** `hcloud:index/server:Server`, … */
  type: string
  /** The last part of the URN. */
  resource: string
  state: 'running' | 'done' | 'failed'
}

export type RunnerMessage =
  | { type: 'step'; step: StackStep }
  | { type: 'result'; result: RunResult }
  /** @param text what engine and provider said, for `explainFailure` @param cloud where the cloud itself was asked */
  | { type: 'error'; text: string; cloud?: CloudErrorKind }
