import type { EntityManager } from '@mikro-orm/postgresql'
import type { KeyRing } from '../../common/seal.ts'
import type { HostQueue } from './queue.ts'

/** Who asks, and from where. */
export interface Actor {
  /** Id of the API key; null for the platform itself. */
  credentialId: string | null
  accountId: string
  operator: boolean
  sourceAddress: string | null
  requestId: string | null
}

/** What a use case works with; each opens its own transaction on a fork. */
export interface ServiceContext {
  em: EntityManager
  queue: HostQueue
  keyRing: KeyRing
  /** SSH keys of hosts are sealed for the worker with it. */
  boxPublicKey: string
}
