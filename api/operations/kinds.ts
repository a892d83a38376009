/** Every kind of operation with the names of its steps, in order; no code behind them. */
export const OPERATION_STEPS = {
  'create-database': ['instance', 'role', 'open', 'verify'],
  'reset-password': ['close', 'role', 'open', 'verify'],
  'set-allowlist': ['close', 'open', 'verify'],
  'delete-database': ['close', 'role', 'shut'],
  'cleanup-login': ['login', 'verify'],
  'converge-host': ['connect', 'configure', 'tenants', 'observe'],
} as const

export type OperationKind = keyof typeof OPERATION_STEPS

/** The queue that wakes the workers; its jobs carry host ids. */
export const HOST_QUEUE = 'host-pass'

/** Sent at the end of each operation with its id, in the transaction that ends it. */
export const OPERATION_ENDED_CHANNEL = 'dbhost_operation_ended'
