import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { actionRoutes } from './action-routes.ts'
import { Actions } from './actions.ts'
import { type Addresses, documentationAddresses } from './addresses.ts'
import { CallLog, type LoggedCall } from './call-log.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { type FaultRule, Faults } from './faults.ts'
import { firewallRoutes } from './firewalls.ts'
import { Api } from './http.ts'
import type { ServerMachines } from './machines.ts'
import { page } from './page.ts'
import { placementGroupRoutes } from './placement-groups.ts'
import { primaryIpRoutes } from './primary-ips.ts'
import { RateLimit } from './rate.ts'
import { Router } from './router.ts'
import { rrsetRoutes } from './rrsets.ts'
import { serverChangeRoutes } from './server-changes.ts'
import { serverPowerRoutes } from './server-power.ts'
import { serverRoutes } from './servers.ts'
import { sshKeyRoutes } from './ssh-keys.ts'
import { Store } from './store.ts'
import { volumeRoutes } from './volumes.ts'
import { zoneRoutes } from './zones.ts'

const HOST = '127.0.0.1'
const ACTION_MS = 5

interface Options {
  /** Any free one by default. */
  port?: number
  /** The provider takes one of 64 characters only. */
  token?: string
  /** How long an action takes beside its work. */
  actionMs?: number
  /** Requests per hour, from where on they are refused; without it they are only counted. */
  rateLimit?: number
  /** Out of the documentation ranges by default. */
  addresses?: Addresses
  /** Without them servers are records only. */
  machines?: ServerMachines
}

/** The part of the Hetzner Cloud API that our stacks use, for one project, kept in memory. */
export class HetznerEmulator {
  readonly token: string
  readonly #store = new Store()
  readonly #faults = new Faults()
  readonly #log = new CallLog()
  readonly #actions: Actions
  readonly #server: Server

  static async start(options: Options = {}): Promise<HetznerEmulator> {
    const emulator = new HetznerEmulator(options)
    emulator.#server.listen(options.port ?? 0, HOST)
    await once(emulator.#server, 'listening')
    return emulator
  }

  private constructor({ token, actionMs = ACTION_MS, rateLimit, addresses, machines }: Options) {
    const store = this.#store
    this.token = token ?? randomBytes(32).toString('hex')
    this.#actions = new Actions(actionMs, () => store.nextId())
    const actions = this.#actions
    const world = { store, actions, machines, addresses: addresses ?? documentationAddresses() }
    const router = new Router([
      ...catalogRoutes(),
      ...actionRoutes(world),
      ...serverRoutes(world),
      ...serverPowerRoutes(world),
      ...serverChangeRoutes(world),
      ...primaryIpRoutes(world),
      ...volumeRoutes(world),
      ...firewallRoutes(world),
      ...sshKeyRoutes(world),
      ...placementGroupRoutes(world),
      ...zoneRoutes(world),
      ...rrsetRoutes(world),
    ])
    const rate = new RateLimit(rateLimit)
    const api = new Api({ token: this.token, router, actions, faults: this.#faults, log: this.#log, rate })
    this.#server = createServer((request, response) => {
      if (request.url === '/') this.#show(request, response)
      // A client that went away while its body was read is no failure of this.
      else void api.handle(request, response).catch(() => response.destroy())
    })
  }

  /** For the provider: HCLOUD_ENDPOINT. */
  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo
    return `http://${HOST}:${port}/v1`
  }

  /** What was called, in the order of the answers. */
  get calls(): readonly LoggedCall[] {
    return this.#log.calls
  }

  /** Names by kind, without kinds of which there is nothing. */
  holdings(): Record<string, string[]> {
    return this.#store.holdings()
  }

  /** Lets calls go wrong. */
  fail(rule: FaultRule): void {
    this.#faults.add(rule)
  }

  resetFaults(): void {
    this.#faults.reset()
  }

  /** Resolves when the next such call has taken effect, before its answer goes out. */
  reached(method: string, path: RegExp): Promise<{ method: string; path: string }> {
    return this.#log.reached(method, path)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
    await this.#actions.close()
  }

  #show({ headers }: IncomingMessage, response: ServerResponse): void {
    const forPeople = headers.accept?.includes('text/html') ?? false
    const held = this.holdings()
    response.writeHead(200, { 'Content-Type': forPeople ? 'text/html; charset=utf-8' : 'application/json' })
    response.end(forPeople ? page(held) : JSON.stringify(held, undefined, 2))
  }
}
