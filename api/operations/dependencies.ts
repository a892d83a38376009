import type { EntityManager } from '@mikro-orm/postgresql'
import type { Logger } from '../../common/log.ts'
import type { KeyRing } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Connections } from './connections.ts'

/** What every pass of one worker shares. */
export interface PassDependencies {
  em: EntityManager
  /** Of the worker; of a pass: its mark on what it has claimed. */
  workerId: string
  ring: KeyRing
  connections: Connections
  /** Opens the keys of hosts. */
  boxKey: Secret
  /** Is there an engine that stacks can be run with now? */
  hasEngine: () => boolean
  checkpoint: Checkpoint
  log: Logger
}
