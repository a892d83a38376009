import type { OperationKind } from './kinds.ts'

/**
 * Moments of a pass at which a worker may be stopped or killed: `<kind>:<step>` after each journalled step,
 * `converge-host:change:<id of the change>` before each change of a host.
 */
export type CheckpointName = 'claimed' | 'finished' | `stack:${string}` | `${OperationKind}:${string}`

/** Called at each checkpoint; the fault tests hold or kill the worker there. */
export type Checkpoint = (name: CheckpointName) => Promise<void> | void

export const noCheckpoint: Checkpoint = () => undefined
