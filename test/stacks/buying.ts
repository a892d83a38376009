import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Host } from '../../api/model/host.ts'
import { Operation } from '../../api/model/operation.ts'
import type { OperationKind } from '../../api/operations/kinds.ts'
import { script } from '../../provisioner/shell.ts'
import type { Engine } from '../../stacks/engine.ts'
import { cloudFile } from '../../start/keys.ts'
import { findWorkerId } from '../../start/os-users.ts'
import { engineFile } from '../../start/stacks.ts'
import { HetznerEmulator } from '../hetzner/emulator.ts'
import { type LocalCloud, localCloud } from '../hetzner/local-machines.ts'
import { type Answer, connectTo } from '../host/service.ts'
import { type TestInstallation, testInstallation } from '../installation.ts'
import { ManagedService } from './managed.ts'
import { pluginsWithRandom, RANDOM_PROGRAM } from './random-plugin.ts'

export interface HostAnswer extends Answer {
  name: string
  status: string
  addresses: string[]
  code?: string
  errors?: { field: string; message: string }[]
  cloud: { serverType: string; volumeGb: number } | null
  operation: OperationAnswer
}

export interface OperationAnswer {
  id: string
  kind: string
  state: string
  attempts: number
  error: { code: string; message: string } | null
  result: Record<string, unknown> | null
  steps: { name: string; state: string; detail: string | null }[]
}

/** A running service whose worker buys its machines from an emulated cloud, with real machines behind the servers. */
export class BuyingService {
  readonly managed: ManagedService
  readonly emulator: HetznerEmulator
  readonly #installation: TestInstallation
  readonly #cloud: LocalCloud
  readonly #folder: string
  readonly #engine: Engine

  private constructor(
    managed: ManagedService,
    emulator: HetznerEmulator,
    installation: TestInstallation,
    cloud: LocalCloud,
  ) {
    this.managed = managed
    this.emulator = emulator
    this.#installation = installation
    this.#cloud = cloud
    this.#engine = managed.engine
    this.#folder = join(managed.running.service.installation.stateDir, 'app', 'test-engine')
  }

  static async shared(): Promise<BuyingService> {
    const managed = await ManagedService.shared()
    const installation = await testInstallation()
    const cloud = await localCloud(installation)
    const emulator = await HetznerEmulator.start({ ...cloud })
    const buying = new BuyingService(managed, emulator, installation, cloud)
    buying.#giveEngine()
    buying.setToken(emulator.token)
    return buying
  }

  /**
   * An engine as somebody has it in a home, with its plugins where worker and `npm run stack` keep those that it fetched:
   * one that had to be built has none for random ids, and it cannot be fetched here.
   */
  #giveEngine(): void {
    const { installation } = this.managed.running.service
    const bin = join(this.#folder, 'bin')
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(bin, { recursive: true, mode: 0o755 })
    for (const name of ['pulumi', 'pulumi-language-nodejs'])
      symlinkSync(join(this.#engine.bin, name), join(bin, name))
    cpSync(RANDOM_PROGRAM, join(this.#folder, 'random'), { recursive: true })
    for (const plugins of this.#pluginFolders)
      pluginsWithRandom(plugins, this.#engine, join(this.#folder, 'random'))
    const engine: Engine = { ...this.#engine, source: 'home', bin, plugins: null }
    writeFileSync(engineFile(installation), JSON.stringify(engine))
    process.env.PULUMI_HOME = this.#folder
  }

  get #pluginFolders(): string[] {
    const { stateDir } = this.managed.running.service.installation
    return [join(stateDir, 'stacks', 'plugins'), join(stateDir, 'engine', 'plugins')]
  }

  /** What the worker buys with; null takes it away. */
  setToken(token: string | null, endpoint = this.emulator.endpoint): void {
    const { installation } = this.managed.running.service
    const file = cloudFile(installation)
    rmSync(file, { force: true })
    if (token === null) return
    writeFileSync(file, JSON.stringify({ token, endpoint }), { mode: 0o600 })
    chmodSync(file, 0o600)
    chownSync(file, findWorkerId(installation) ?? 0, 0)
  }

  async request(method: string, path: string, body?: unknown): Promise<{ status: number; body: HostAnswer }> {
    return (await this.managed.running.service.request(method, path, body)) as {
      status: number
      body: HostAnswer
    }
  }

  /** How many updates of its stack a host has seen, by themselves. */
  updates(hostId: string): Promise<number> {
    const { orm } = this.managed.running.service
    return orm.em.fork().count(Operation, { host: hostId, kind: 'update-stack' })
  }

  /** An operation at its end. */
  async ended(id: string): Promise<OperationAnswer> {
    for (;;) {
      const { body } = await this.managed.running.service.request('GET', `/operations/${id}`)
      const operation = body as unknown as OperationAnswer
      if (['succeeded', 'failed'].includes(operation.state)) return operation
      await sleep(300)
    }
  }

  /** A script on a bought host. */
  async inside(id: string, text: string): Promise<string> {
    const { service } = this.managed.running
    const host = await service.orm.em.fork().findOneOrFail(Host, { id })
    const connection = await connectTo(service, host)
    try {
      return (await connection.run(script('test', text))).trim()
    } finally {
      connection.close()
    }
  }

  /** The last operation of this kind on a host, once it is at this end. */
  async lastEnded(kind: string, hostId: string, state: string): Promise<OperationAnswer> {
    const { orm } = this.managed.running.service
    for (;;) {
      const where = { host: hostId, kind: kind as OperationKind }
      const last = await orm.em.fork().findOne(Operation, where, { orderBy: { id: 'desc' } })
      if (last?.state === state) return await this.ended(last.id)
      await sleep(300)
    }
  }

  /** The server of this host at the cloud. */
  async #serverOf(hostId: string): Promise<number> {
    type Row = { id: number; labels: Record<string, string> }
    const { servers } = await this.ask<{ servers: Row[] }>('/servers')
    const server = servers.find(({ labels }) => labels['dbhost-host'] === hostId)
    if (!server) throw new Error(`no server is that of ${hostId}`)
    return server.id
  }

  /** This computer's address as the machine of this host sees it. */
  async ownAddress(hostId: string): Promise<string> {
    return this.#cloud.machineOf(await this.#serverOf(hostId)).outer4
  }

  /** As somebody would in the console of the cloud. */
  async deleteServer(hostId: string): Promise<void> {
    const path = `/servers/${await this.#serverOf(hostId)}`
    const headers = { authorization: `Bearer ${this.emulator.token}` }
    const { status } = await fetch(`${this.emulator.endpoint}${path}`, { method: 'DELETE', headers })
    if (status !== 200) throw new Error(`DELETE ${path} answered ${status}`)
  }

  /** What the cloud says. */
  async ask<T>(path: string): Promise<T> {
    const headers = { authorization: `Bearer ${this.emulator.token}` }
    return (await (await fetch(`${this.emulator.endpoint}${path}`, { headers })).json()) as T
  }

  async remove(): Promise<void> {
    const { installation } = this.managed.running.service
    this.setToken(null)
    for (const plugins of this.#pluginFolders) rmSync(plugins, { recursive: true, force: true })
    writeFileSync(engineFile(installation), JSON.stringify(this.#engine))
    await this.emulator.close()
    await this.#installation.remove()
    await this.managed.running.remove()
  }
}
