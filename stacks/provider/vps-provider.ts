import { isDeepStrictEqual } from 'node:util'
import type * as provider from '@pulumi/pulumi/provider/index.js'
import { applyEdge, readAllowed, readEdge, removeEdge } from '../../provisioner/edge/edge.ts'
import { edgeModule } from '../../provisioner/edge/parts.ts'
import { type EdgeState, wantedState } from '../../provisioner/edge/state.ts'
import type { HostConnection } from '../../provisioner/ssh.ts'
import { applyAllowSet } from '../../provisioner/tenants/apply.ts'
import { PROVIDER } from '../names.ts'
import { type EdgeArgs, partOfType } from '../resources.ts'
import { type KeySource, ProviderConnections } from './connections.ts'

/** As it was seen on the host; `allow` only of a firewall. */
type Seen = EdgeState & { allow?: string[] }

/** Inputs together with what they mean, so that a preview shows the files that would change. */
type EdgeProperties = EdgeArgs & Seen

export interface ProviderEnvironment extends KeySource {
  /** Set while hosts are adopted: what stands is recorded, and nothing is changed. */
  DBHOST_ADOPT?: string
}

/** The edge of a host as resources: firewall, HTTPS, bans. */
export class VpsProvider implements provider.Provider {
  readonly version = PROVIDER.version
  readonly schema = JSON.stringify({ name: PROVIDER.name, version: PROVIDER.version, resources: {} })
  readonly #connections: ProviderConnections
  readonly #adopts: boolean

  constructor(environment: ProviderEnvironment) {
    this.#connections = new ProviderConnections(environment)
    this.#adopts = environment.DBHOST_ADOPT === '1'
  }

  async check(urn: string, _olds: unknown, news: EdgeArgs): Promise<provider.CheckResult> {
    return { inputs: { ...news, ...wanted(urn, news) } }
  }

  async diff(_id: string, urn: string, olds: EdgeProperties, news: EdgeArgs): Promise<provider.DiffResult> {
    const same = isDeepStrictEqual(plain(seenOf(olds)), plain(wanted(urn, news))) && sameAccess(olds, news)
    return { changes: !same }
  }

  async create(urn: string, inputs: EdgeArgs): Promise<provider.CreateResult> {
    const connection = await this.#connections.to(inputs.access)
    const id = `${inputs.access.address}/${partOfType(urn)}`
    const outs = this.#adopts ? await see(connection, urn, inputs) : await make(connection, urn, inputs)
    return { id, outs: { ...inputs, ...outs } }
  }

  async read(id: string, urn: string, properties: EdgeProperties): Promise<provider.ReadResult> {
    const connection = await this.#connections.to(properties.access)
    const seen = await see(connection, urn, properties)
    const props = { ...properties, ...seen }
    return { id, props, inputs: props }
  }

  async update(_id: string, urn: string, _olds: unknown, news: EdgeArgs): Promise<provider.UpdateResult> {
    const connection = await this.#connections.to(news.access)
    return { outs: { ...news, ...(await make(connection, urn, news)) } }
  }

  async delete(_id: string, urn: string, properties: EdgeArgs): Promise<void> {
    const connection = await this.#connections.to(properties.access)
    await removeEdge(connection, edgeModule(partOfType(urn), properties.spec))
  }
}

/** Without keys that are undefined, as properties come back from the engine. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const sameAccess = (olds: EdgeArgs, news: EdgeArgs): boolean =>
  isDeepStrictEqual(plain(olds.access), plain(news.access))

function wanted(urn: string, { spec, allow }: EdgeArgs): Seen {
  return { ...wantedState(edgeModule(partOfType(urn), spec)), ...(allow && { allow }) }
}

const seenOf = ({ files, scripts, units, steps, packages, allow }: EdgeProperties): Seen => ({
  ...{ files, scripts, units, steps, packages },
  ...(allow && { allow }),
})

async function see(connection: HostConnection, urn: string, { spec, allow }: EdgeArgs): Promise<Seen> {
  const state = await readEdge(connection, edgeModule(partOfType(urn), spec))
  return { ...state, ...(allow && { allow: await readAllowed(connection) }) }
}

/** @throws where the host is not as wanted afterwards */
async function make(connection: HostConnection, urn: string, inputs: EdgeArgs): Promise<Seen> {
  const { spec, allow, revision } = inputs
  const module = edgeModule(partOfType(urn), spec)
  const done: string[] = []
  await applyEdge(connection, module, ({ action, state }) => {
    if (state === 'done') done.push(action.title)
  })
  if (allow && !isDeepStrictEqual(await readAllowed(connection), allow)) {
    await applyAllowSet(connection, allow, revision)
  }
  const seen = await see(connection, urn, inputs)
  if (isDeepStrictEqual(plain(seen), plain(wanted(urn, inputs)))) return seen
  throw new Error(`The host is not as wanted after these changes: ${done.join('; ') || 'none was needed'}.`)
}
