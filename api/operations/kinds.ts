/** Every kind of operation with the names of its steps, in order; no code behind them. */
export const OPERATION_STEPS = {
  'create-database': ['instance', 'role', 'open', 'verify'],
  'reset-password': ['close', 'role', 'open', 'verify'],
  'set-allowlist': ['close', 'open', 'verify'],
  'delete-database': ['close', 'role', 'shut'],
  'cleanup-login': ['login', 'verify'],
  'converge-host': ['connect', 'configure', 'tenants', 'observe'],
  'adopt-host': ['engine', 'adopt'],
  'update-stack': ['engine', 'update'],
  'observe-stack': ['engine', 'observe'],
  'forget-stack': ['engine', 'forget'],
  'preview-host': ['check', 'engine', 'preview'],
  'buy-host': ['check', 'engine', 'buy', 'boot', 'configure', 'edge'],
  'resize-host': ['check', 'engine', 'resize', 'configure'],
  'give-back-host': ['engine', 'give-back'],
} as const

export type OperationKind = keyof typeof OPERATION_STEPS

/** Kinds that the Pulumi engine carries out: they have a queue of their own, so that no pass ever waits for it. */
export const STACK_KINDS = [
  'adopt-host',
  'update-stack',
  'observe-stack',
  'forget-stack',
  'preview-host',
  'buy-host',
  'resize-host',
  'give-back-host',
] as const satisfies readonly OperationKind[]

/** The queue that wakes the workers; its jobs carry host ids. */
export const HOST_QUEUE = 'host-pass'

/** The queue of stack operations; its jobs carry host ids as well. */
export const STACK_QUEUE = 'host-stack'

/** Sent at the end of each operation with its id, in the transaction that ends it. */
export const OPERATION_ENDED_CHANNEL = 'dbhost_operation_ended'
