import type { HostDocument } from './document.ts'

export type StackCommand = 'adopt' | 'update' | 'preview' | 'refresh' | 'destroy'

/** What a runner is told by the gateway, once; the key and nothing else of it is secret. */
export interface RunnerRequest {
  command: StackCommand
  document: HostDocument
  privateKey: string
  backendUrl: string
  /** The folder of this run alone. */
  directory: string
  /** Of the executable of our provider. */
  providerDirectory: string
  /** The run before may have died in the middle. */
  recover: boolean
  /** Look at the host before changing anything. */
  refresh: boolean
}

/** Numbers of resources by what was or would be done with them: `same`, `create`, `update`, `delete`, `replace`. */
export type ChangeSummary = Record<string, number>

/** One resource's change, as it begins or ends. */
export interface StackStep {
  /** `create`, `update`, `delete`, `read`, `refresh`, … */
  operation: string
  /** The last part of the URN. */
  resource: string
  state: 'running' | 'done' | 'failed'
}

export type RunnerMessage =
  | { type: 'step'; step: StackStep }
  | { type: 'result'; changes: ChangeSummary }
  /** @param text what engine and provider said, for `explainFailure` */
  | { type: 'error'; text: string }
