import { messageOf } from '../../common/errors.ts'
import { converge } from './converge.ts'
import { Neighbour } from './neighbour.ts'
import type { RunningService } from './running-service.ts'
import type { Answer } from './service.ts'
import { SmallProject } from './small-project.ts'
import { until } from './until.ts'

export const CLOSED = /too many connections/

export interface ShownDatabase {
  status: string
  sizeBytes: number
  storage: { usedBytes: number; limitBytes: number; state: string; cleanupUntil: string | null }
}

/** A small project with two databases that is out to fill the disk, and a neighbour in a project of its own. */
export class DiskAttack {
  readonly running: RunningService
  readonly project: SmallProject
  readonly a: Answer
  readonly sibling: Answer
  readonly b: Answer
  #neighbour: Neighbour | undefined

  private constructor(running: RunningService, project: SmallProject, databases: [Answer, Answer, Answer]) {
    this.running = running
    this.project = project
    ;[this.a, this.sibling, this.b] = databases
  }

  static async make(running: RunningService, name: string): Promise<DiskAttack> {
    const project = await SmallProject.make(running, name)
    return new DiskAttack(running, project, [
      await running.create(`${name}-a`, { project: name }),
      await running.create(`${name}-sibling`, { project: name }),
      await running.createApart(`${name}-neighbour`),
    ])
  }

  async watchNeighbour(): Promise<void> {
    this.#neighbour = await Neighbour.watch(this.b, this.running.service.ca)
  }

  /** What went wrong for the neighbour; that it did not get to work counts as well. */
  async neighbourErrors(): Promise<string[]> {
    const { errors, commits } = (await this.#neighbour?.stop()) ?? { errors: [], commits: 0 }
    return commits > 0 ? errors : [...errors, 'the neighbour committed nothing']
  }

  /**
   * What the first query of a login is told, or `in`. PgBouncer lets in by itself; only a query needs PostgreSQL.
   */
  async answer(database: Answer): Promise<string> {
    try {
      const session = await this.running.connect(database)
      try {
        await session.client.query('select 1')
        return 'in'
      } finally {
        await session.end().catch(() => undefined)
      }
    } catch (error) {
      return messageOf(error)
    }
  }

  async #both(holds: (told: string) => boolean): Promise<boolean | string> {
    const told = await Promise.all([this.a, this.sibling].map((one) => this.answer(one)))
    return told.every(holds) || told.join(', ')
  }

  isClosed(): Promise<boolean | string> {
    return this.#both((told) => CLOSED.test(told))
  }

  isOpen(): Promise<boolean | string> {
    return this.#both((told) => told === 'in')
  }

  async shown({ id }: Answer): Promise<ShownDatabase> {
    const { body } = await this.running.service.request('GET', `/databases/${id}`)
    return body as unknown as ShownDatabase
  }

  async untilStatus(database: Answer, status: string): Promise<void> {
    await until(`the status ${status}`, async () => {
      const now = (await this.shown(database)).status
      return now === status || now
    })
  }

  /** Where the server crashes of it instead, the end of its recovery makes room: then there is more to fill. */
  async fillUntilClosed(): Promise<void> {
    await until(
      'the closing',
      async () => {
        if ((await this.answer(this.a)) === 'in') await this.project.fill(this.a)
        return await this.isClosed()
      },
      240,
    )
  }

  letIn(minutes?: number): Promise<{ status: number; body: Answer & { code?: string } }> {
    const body = minutes === undefined ? {} : { minutes }
    return this.running.service.request('POST', `/databases/${this.a.id}/cleanup-login`, body)
  }

  /** Empties A's table by the login for cleaning up, until everything is open again. */
  async cleanUp(): Promise<void> {
    await until('the login for cleaning up', async () => {
      const told = await this.answer(this.a)
      if (told !== 'in') await this.letIn()
      return told === 'in' || told
    })
    await this.run('truncate fill')
    await until('the opening', () => this.isOpen())
  }

  /** Statements of A's owner in one session. @returns what each was told */
  async run(...statements: string[]): Promise<string[]> {
    const session = await this.running.connect(this.a)
    const told: string[] = []
    for (const statement of statements) {
      await session.client.query(statement).then(
        () => told.push('done'),
        (error: Error) => told.push(error.message),
      )
    }
    await session.end()
    return told
  }

  /** Leaves the host as it was. */
  async remove(...others: Answer[]): Promise<void> {
    await this.project.host('systemctl start storage-watch.service')
    for (const database of [this.a, this.sibling, this.b, ...others]) {
      await this.running.service.request('DELETE', `/databases/${database.id}`)
    }
    await converge(this.running)
  }
}
