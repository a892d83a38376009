import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Clone, type Command } from '../start/clone.ts'
import { type Answer, openService, type Service } from './service.ts'
import { loginAnswer, Session } from './session.ts'

/** Names the clone whose service the test run started for all files of a level. */
const SHARED = 'DBHOST_TEST_SHARED'

/** A service that `npm start` brought up in a copy of the repository, whose worker can be made to die or wait. */
export class RunningService {
  readonly clone: Clone
  readonly service: Service
  /** Null where another process started it and will take it away. */
  readonly #command: Command | null
  readonly #faults: string

  private constructor(clone: Clone, command: Command | null, service: Service) {
    this.clone = clone
    this.service = service
    this.#command = command
    this.#faults = join('/run/dbhost', clone.id, 'faults')
    mkdirSync(this.#faults, { recursive: true })
    // The worker takes the fault away before it dies of it.
    chmodSync(this.#faults, 0o777)
  }

  /** @param prepare changes the copy before it is started */
  static async start(
    prepare: (clone: Clone) => void = () => {},
    environment: Record<string, string> = {},
  ): Promise<RunningService> {
    const clone = Clone.make()
    const worker = readFileSync(join(import.meta.dirname, 'fault-worker.ts'), 'utf8')
    writeFileSync(join(clone.path, 'api', 'worker.ts'), worker.replaceAll('../../', '../'))
    try {
      prepare(clone)
      const command = await clone.startWith(environment)
      return new RunningService(clone, command, await openService(clone))
    } catch (error) {
      await clone.remove()
      throw error
    }
  }

  /**
   * The service that the files of a level share, one after the other: each leaves the host whole, and counts on
   * nothing that another made. By itself a file gets one of its own.
   */
  static async shared(): Promise<RunningService> {
    const path = process.env[SHARED]
    if (path === undefined) return await RunningService.start()
    const clone = Clone.at(path)
    return new RunningService(clone, null, await openService(clone))
  }

  /** What `npm start` has printed so far. */
  get output(): string {
    return this.#command?.output ?? ''
  }

  /** The environment by which `shared` finds this service from another process. */
  get environment(): Record<string, string> {
    return { [SHARED]: this.clone.path }
  }

  /** Ends the service with all that belongs to it; a shared one goes on for the next. */
  async remove(): Promise<void> {
    await this.service.close()
    if (this.#command === null) return
    await this.#command.interrupt()
    await this.clone.remove()
  }

  /** The worker dies at the next checkpoint of this name, once. */
  dieAt(checkpoint: string): void {
    writeFileSync(join(this.#faults, checkpoint), 'die')
  }

  /** Waits until the worker has died there; false where it does not within 5 s. */
  async died(checkpoint: string): Promise<boolean> {
    for (let look = 0; look < 100; look++) {
      if (!existsSync(join(this.#faults, checkpoint))) return true
      await sleep(50)
    }
    return false
  }

  /** The worker waits at the next checkpoint of this name. */
  async holdAt(checkpoint: string): Promise<{ reached: () => Promise<void>; release: () => void }> {
    const file = join(this.#faults, checkpoint)
    rmSync(`${file}.reached`, { force: true })
    writeFileSync(file, 'hold')
    return {
      reached: async () => {
        while (!existsSync(`${file}.reached`)) await sleep(20)
      },
      release: () => rmSync(file),
    }
  }

  async create(name: string, more: Record<string, unknown> = {}): Promise<Answer> {
    const { status, body } = await this.service.request('POST', '/databases', { name, ...more })
    if (status !== 201) throw new Error(`create answered ${status}: ${body.detail ?? ''}`)
    return body
  }

  /** A database of a project of its own, and so of an instance of its own. */
  async createApart(name: string, more: Record<string, unknown> = {}): Promise<Answer> {
    await this.service.request('POST', '/projects', { name })
    return await this.create(name, { project: name, ...more })
  }

  /** Rules for the control plane's own address and these. */
  rulesFor(...addresses: string[]): { cidr: string }[] {
    return [...this.service.host.spec.controlPlane, ...addresses].map((cidr) => ({ cidr }))
  }

  async delete(...databases: Answer[]): Promise<void> {
    for (const { id } of databases) {
      const { status, body } = await this.service.request('DELETE', `/databases/${id}`)
      if (status !== 204) throw new Error(`delete answered ${status}: ${body.detail ?? ''}`)
    }
  }

  /** Takes a second host out again, with every database on it, also one whose creation failed. */
  async removeHost(name: string): Promise<void> {
    const hosts = await this.service.request('GET', '/hosts?limit=100')
    const { data } = hosts.body as unknown as { data: { id: string; name: string }[] }
    const id = data.find((host) => host.name === name)?.id
    if (id === undefined) return
    const { body } = await this.service.request('GET', '/databases?limit=100')
    const databases = (body as unknown as { data: (Answer & { hostId: string })[] }).data
    await this.delete(...databases.filter(({ hostId }) => hostId === id))
    const { code, output } = await this.clone.run('admin', 'host', 'remove', name)
    if (code !== 0) throw new Error(output)
  }

  /** A session over verified TLS; `end` it. @param entry the alias or another database */
  connect(database: Answer, entry = database.database): Promise<Session> {
    return Session.open(database, this.service.ca, entry)
  }

  /** What a login is told, or `in`. */
  login(database: Answer, entry = database.database): Promise<string> {
    return loginAnswer(database, this.service.ca, entry)
  }
}
