import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Answer, openService, type Service } from '../service.ts'
import { Clone, type Command } from '../start/clone.ts'

/** A service that `npm start` brought up in a copy of the repository, whose worker can be made to die or wait. */
export class RunningService {
  readonly clone: Clone
  readonly service: Service
  readonly #command: Command
  readonly #faults: string

  private constructor(clone: Clone, command: Command, service: Service) {
    this.clone = clone
    this.service = service
    this.#command = command
    this.#faults = join('/run/dbhost', clone.id, 'faults')
    mkdirSync(this.#faults, { recursive: true })
    // The worker takes the fault away before it dies of it.
    chmodSync(this.#faults, 0o777)
  }

  static async start(): Promise<RunningService> {
    const clone = new Clone()
    const worker = readFileSync(join(import.meta.dirname, 'fault-worker.ts'), 'utf8')
    writeFileSync(join(clone.path, 'api', 'worker.ts'), worker.replace('../../api/', './'))
    try {
      const command = await clone.start()
      return new RunningService(clone, command, await openService(clone))
    } catch (error) {
      await clone.remove()
      throw error
    }
  }

  async remove(): Promise<void> {
    await this.service.close()
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

  /** A session over verified TLS; `end` it. @param entry the alias or another database */
  async connect(database: Answer, entry = database.database): Promise<Session> {
    const { host, port, username, password } = database
    const client = new pg.Client({
      ...{ host, port, database: entry, user: username, password },
      ...{ ssl: { ca: this.service.ca }, connectionTimeoutMillis: 3000 },
    })
    const session = new Session(client)
    await client.connect()
    return session
  }

  /** What a login is told, or `in`. */
  async login(database: Answer, entry = database.database): Promise<string> {
    try {
      const session = await this.connect(database, entry)
      await session.end()
      return 'in'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** A client that remembers how it was ended. */
export class Session {
  readonly client: pg.Client
  ended: string | undefined

  constructor(client: pg.Client) {
    this.client = client
    client.on('error', (error) => {
      this.ended ??= error.message
    })
    client.on('end', () => {
      this.ended ??= 'ended'
    })
  }

  async alive(): Promise<boolean> {
    return await this.client.query('select 1').then(
      () => true,
      () => false,
    )
  }

  async end(): Promise<void> {
    await this.client.end()
  }
}
