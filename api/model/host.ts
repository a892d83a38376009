import { defineEntity, p } from '@mikro-orm/core'
import { newId } from '../../common/ids.ts'
import type { CloudIdentity, CloudSpec, HostAccess, HostSpec } from '../../hosts/host-spec.ts'

/** What of a host's software was outdated at the last converge that could tell. */
export interface HostUpdates {
  checkedAt: string
  /** When the host last read the package lists. */
  listsAt: string
  pending: { package: string; installed: string; candidate: string; origin: string; security: boolean }[]
  rebootRequired: boolean
  /** Units that still run code which an update has replaced. */
  restartsPending: string[]
}

/** A run of the engine on a stack that was seen to end. */
export interface StackRun {
  /** `adopt`, `update`; by hand also `refresh`, `destroy`, …. */
  command: string
  /** Id of the operation, or who was seen to begin by hand: `user@computer`. */
  by: string
  at: string
  /** How many resources it changed. */
  changes: number
}

/** A host is managed by its Pulumi stack from its adoption on. */
export interface HostStack {
  adoptedAt: string
  /** Digest of what the last update made of the edge; another one means: an update is due. */
  digest: string
  /** The networks that the last update let through; of runs before there was this, nothing is known. */
  allow?: string[]
  lastRun: StackRun
  /** The last run by hand that is known, and how it ended. */
  byHand: (StackRun & { result: string }) | null
}

/** What the last pass or converge saw. `unreachable` keeps the older facts: unknown, last seen at `observedAt`. */
export type HostObservation = 'never' | 'ready' | 'unreachable' | 'failed'

const HostSchema = defineEntity({
  name: 'Host',
  uniques: [{ properties: ['name'], where: 'removed_at is null', name: 'host_name_unique' }],
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => newId('host')),
    name: p.text(),
    spec: p.json<HostSpec>(),
    /** What is bought for it; null where its machine is somebody's already. */
    cloud: p.json<CloudSpec>().nullable(),
    /** Null until the worker has made the keys. */
    cloudIdentity: p.json<CloudIdentity>().nullable(),
    /** Null until the machine has booted for the first time. */
    ssh: p.json<HostAccess>().nullable(),
    observation: p.text().$type<HostObservation>().default('never'),
    observationDetail: p.text().nullable(),
    observedAt: p.datetime().nullable(),
    /** Digest of the configuration that the last converge made true; another one means: converge first. */
    convergedDigest: p.text().nullable(),
    /** Digest of the edge as the code that converged the host last makes it. */
    edgeDigest: p.text().nullable(),
    /** Null: the worker configures the edge directly. */
    stack: p.json<HostStack>().nullable(),
    /** Worker and queue job of the pass under way or the last one, for whoever takes over from a dead worker. */
    passWorker: p.text().nullable(),
    passJob: p.text().nullable(),
    /** PEM of the CA that signs this host's certificates. */
    caCertificate: p.text().nullable(),
    updates: p.json<HostUpdates>().nullable(),
    createdAt: p.datetime().onCreate(() => new Date()),
    /** It is being given back; nothing new comes on it. */
    givenBackAt: p.datetime().nullable(),
    removedAt: p.datetime().nullable(),
  },
})

export class Host extends HostSchema.class {}
HostSchema.setClass(Host)
