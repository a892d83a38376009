import { Host } from '../../api/model/host.ts'
import { readHostContent } from '../../api/model/host-content.ts'
import { openHostKey, openOwnKey } from '../../api/operations/host-keys.ts'
import { hostDocument } from '../../stacks/document.ts'
import { runStack, type StackSettings } from '../../stacks/gateway.ts'
import type { RunResult } from '../../stacks/protocol.ts'
import { readBoxPrivateKey } from '../../start/keys.ts'
import { connectTo, type Service } from '../../test/host/service.ts'
import type { BuyingService } from '../../test/stacks/buying.ts'

const WANTED = { kind: 'hcloud', name: 'bench', serverType: 'cx23', location: 'fsn1', volumeGb: 10 }
const DEADLINE_MS = 5 * 60_000

/** A host that the service bought from the emulated cloud. */
export class BoughtHost {
  /** The service as the bench sees it, with this host. */
  readonly service: Service
  readonly #buying: BuyingService
  readonly #settings: StackSettings

  private constructor(service: Service, buying: BuyingService, settings: StackSettings) {
    this.service = service
    this.#buying = buying
    this.#settings = settings
  }

  static async buy(buying: BuyingService, settings: StackSettings): Promise<BoughtHost> {
    const { body } = await buying.request('POST', '/hosts', WANTED)
    const { state, error } = await buying.ended(body.operation.id)
    if (state !== 'succeeded') throw new Error(`the host was not bought: ${error?.message}`)
    const { service } = buying.managed.running
    const host = await service.orm.em.fork().findOneOrFail(Host, { id: body.id })
    const own = { host, connection: await connectTo(service, host), ca: host.caCertificate ?? '' }
    return new BoughtHost({ ...service, ...own }, buying, settings)
  }

  /** One update of its stack, as the worker runs it, with one address more than the control plane wants. */
  async allowOneMore(network: string): Promise<RunResult> {
    const { orm, host, installation } = this.service
    const content = await readHostContent(orm.em, host.id)
    if (!content) throw new Error('the host has no document')
    const boxKey = readBoxPrivateKey(installation)
    return await runStack(this.#buying.managed.engine, this.#settings, {
      document: hostDocument({ ...content, allow: [...content.allow, network] }),
      privateKey: await openHostKey(orm.em, boxKey, host),
      hostKey: await openOwnKey(orm.em, boxKey, host),
      ...{ command: 'update', recover: false, refresh: false, deadlineMs: DEADLINE_MS, onStep: () => {} },
      handRunsAfter: host.stack?.adoptedAt ?? null,
    })
  }

  close(): void {
    this.service.connection.close()
  }
}
