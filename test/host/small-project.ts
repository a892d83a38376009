import { Host } from '../../api/model/host.ts'
import { Instance } from '../../api/model/instance.ts'
import { Project } from '../../api/model/project.ts'
import { messageOf } from '../../common/errors.ts'
import { LAYOUT } from '../../provisioner/layout.ts'
import type { RunningService } from './running-service.ts'
import type { Answer } from './service.ts'

const MB = 1024 ** 2

/** A project with storage of 700 MB on the shared host, and what an attacker does in it. */
export class SmallProject {
  readonly running: RunningService
  readonly name: string
  /** Of its instance. */
  readonly instance: string

  private constructor(running: RunningService, name: string, instance: string) {
    this.running = running
    this.name = name
    this.instance = instance
  }

  static async make(running: RunningService, name: string): Promise<SmallProject> {
    const { service } = running
    await service.request('POST', '/projects', { name })
    const em = service.orm.em.fork()
    const instance = em.create(Instance, {
      project: await em.findOneOrFail(Project, { name }),
      host: em.getReference(Host, service.host.id),
      ...{ storageBytes: 700 * MB, memoryBytes: 1024 * MB, maxConnections: 300 },
    })
    await em.flush()
    return new SmallProject(running, name, instance.name)
  }

  host(text: string, input?: string): Promise<string> {
    const options = { deadlineMs: 60_000, ...(input === undefined ? {} : { input }) }
    return this.running.service.connection.run({ text, title: 'test' }, options)
  }

  /** `kind used size state` as the host sees it. */
  async storage(): Promise<{ used: number; size: number; state: string }> {
    const text = await this.host(`${LAYOUT.library}/instance-storage usage ${this.instance}`)
    const [, , , used, size, state = ''] = text.split(/\s/)
    return { used: Number(used), size: Number(size), state }
  }

  /** Runs statements as the platform in the instance. */
  sql(text: string): Promise<string> {
    const socket = `${LAYOUT.instances.sockets}/${this.instance}`
    return this.host(`psql -XAtq -v ON_ERROR_STOP=1 -h ${socket} -U dbhost -d postgres -f -`, text)
  }

  /** Writes rows until that fails. @returns how the attacker was told */
  async fill(database: Answer): Promise<string> {
    const session = await this.running.connect(database)
    try {
      await session.client.query('create table if not exists fill (t text)')
      await session.client.query('alter table fill alter column t set storage external')
      for (;;) {
        await session.client.query(`insert into fill select repeat('x', 1000000) from generate_series(1, 4)`)
      }
    } catch (error) {
      return messageOf(error)
    } finally {
      await session.end().catch(() => undefined)
    }
  }

  /** Writes log records until the server does not take them any more. */
  async floodLog(database: Answer): Promise<string> {
    try {
      const session = await this.running.connect(database)
      try {
        for (;;)
          await session.client.query(`select pg_logical_emit_message(true, 'w1', repeat('x', 4000000))`)
      } finally {
        await session.end().catch(() => undefined)
      }
    } catch (error) {
      return messageOf(error)
    }
  }

  /** Sorts more than fits, in many sessions at once: the limit for temporary files is one of each process. */
  async sort(database: Answer, sessions: number): Promise<string[]> {
    const one = async (): Promise<string> => {
      const session = await this.running.connect(database)
      try {
        const rows = `select repeat(md5(g::text), 20) as s from generate_series(1, 1500000) as g`
        await session.client.query(`select count(*) from (${rows} order by s offset 1) as sorted`)
        return 'done'
      } finally {
        await session.end().catch(() => undefined)
      }
    }
    return await Promise.all(Array.from({ length: sessions }, () => one().catch(messageOf)))
  }
}
