import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Host } from '../api/model/host.ts'
import { Operation } from '../api/model/operation.ts'
import { OperationStep } from '../api/model/operation-step.ts'
import { claimOperations } from '../api/operations/claim.ts'
import { fail, succeed } from '../api/operations/finish.ts'
import type { Preview } from '../api/operations/stacks/preview.ts'
import { recordMeasured } from '../api/operations/storage-record.ts'
import { loadTenants, type TenantRow } from '../api/operations/wanted.ts'
import type { ErrorCode } from '../common/errors.ts'
import type { CloudSpec } from '../hosts/host-spec.ts'
import type { Measured, StorageFacts } from '../provisioner/tenants/storage.ts'

const NAME = 'stand-in'
const LOOK_MS = 5

/**
 * Ends operations in the database as a worker does, and touches no host. For tests of the API only: what a worker
 * really does is tested on booted machines.
 */
export class WorkerStandIn {
  /** What becomes of the operations that it finds; `hold` leaves them queued. */
  outcome: 'succeed' | 'hold' | { code: ErrorCode; message: string } = 'succeed'
  readonly #em: EntityManager
  readonly #stopped = new AbortController()
  readonly #running: Promise<void>

  /** @param em in the role of the worker */
  constructor(em: EntityManager) {
    this.#em = em
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  /** Every operation that was asked for so far is at its end. */
  async idle(): Promise<void> {
    while ((await this.#em.fork().count(Operation, { state: { $in: ['queued', 'running'] } })) > 0) {
      await sleep(LOOK_MS)
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const queued = await this.#em.fork().find(Operation, { state: 'queued' })
      const hosts = this.outcome === 'hold' ? [] : new Set(queued.map(({ host }) => host.id))
      for (const host of hosts) await this.#serve(host)
      await sleep(LOOK_MS)
    }
  }

  async #serve(host: string): Promise<void> {
    const passed = await claimOperations(this.#em, host, NAME)
    const operations = [...passed, ...(await claimOperations(this.#em, host, NAME, true))]
    const { rows } = await loadTenants(this.#em, host)
    for (const operation of operations) {
      if (typeof this.outcome === 'object') {
        await fail(this.#em, [operation], NAME, this.outcome.code, this.outcome.message)
        continue
      }
      const now = new Date()
      const done = { state: 'done', startedAt: now, finishedAt: now } as const
      await this.#em.fork().nativeUpdate(OperationStep, { operation: operation.id }, done)
      const observed = [...rows.values()].filter(({ id }) => id === operation.database?.id)
      const measured = observed.map((row) => measuredFor(operation, row))
      for (const one of measured) await recordMeasured(this.#em, host, one)
      if (operation.kind === 'preview-host')
        await this.#em.fork().nativeUpdate(Operation, { id: operation.id }, { result: { ...PREVIEW } })
      if (operation.kind === 'resize-host')
        await this.#em.fork().nativeUpdate(Host, { id: host }, { cloud: operation.input?.cloud as CloudSpec })
      if (operation.kind === 'give-back-host')
        await this.#em.fork().nativeUpdate(Host, { id: host }, { removedAt: now })
      await succeed(this.#em, [operation], NAME, observed)
    }
  }
}

const PRICE = {
  ...{ currency: 'EUR', net: '5.3700', gross: '6.3903', vatRate: '19.000000' },
  items: [{ what: 'server cx23 at fsn1', net: '3.9900', gross: '4.7481' }],
}

/** What buying a host would bring. */
const PREVIEW: Preview = {
  change: 'buy',
  changes: { create: 9 },
  resources: [{ operation: 'create', type: 'hcloud:index/server:Server', name: 'bought-1-server' }],
  ...{ price: PRICE, priceBefore: null, notes: [] },
}

/** What a host would say: an instance that has room, or one whose owner was just let in to make some. */
function measuredFor({ kind, input }: Operation, { instance, physicalName }: TenantRow): Measured {
  const full = kind === 'cleanup-login'
  const until = new Date(Date.now() + Number(input?.minutes) * 60_000)
  const facts: StorageFacts = {
    kind: 'image',
    usedBytes: full ? 10_712_000_000 : 412_000_000,
    limitBytes: 10 * 1024 ** 3,
    state: full ? 'full' : 'ok',
    cleanups: new Map(full ? [[physicalName, until]] : []),
  }
  return { storage: new Map([[instance, facts]]), sizes: new Map([[physicalName, 7_800_000]]) }
}
