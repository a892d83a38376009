import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Host, type HostStack } from '../../api/model/host.ts'
import { readHostContent } from '../../api/model/host-content.ts'
import { Operation } from '../../api/model/operation.ts'
import { openHostKey } from '../../api/operations/host-keys.ts'
import { STACK_KINDS } from '../../api/operations/kinds.ts'
import { script } from '../../provisioner/shell.ts'
import { documentDigest, hostDocument } from '../../stacks/document.ts'
import type { Engine } from '../../stacks/engine.ts'
import { readBoxPrivateKey } from '../../start/keys.ts'
import { type FoundProcess, processesOf } from '../../start/processes.ts'
import { engineFile } from '../../start/stacks.ts'
import { RunningService } from '../host/running-service.ts'
import { until } from '../host/until.ts'
import type { Ended } from '../start/clone.ts'

/** A running service whose host is managed by its Pulumi stack. */
export class ManagedService {
  readonly running: RunningService

  private constructor(running: RunningService) {
    this.running = running
  }

  static async shared(): Promise<ManagedService> {
    const managed = new ManagedService(await RunningService.shared())
    await managed.settled()
    return managed
  }

  /** Waits until the host is adopted and its stack has recorded all that is wanted of it. @returns what is known of the stack */
  async settled(): Promise<HostStack> {
    const { orm, host } = this.running.service
    let stack: HostStack | undefined
    await until('the stack to know what is wanted', async () => {
      const kind = STACK_KINDS.filter((one) => one !== 'observe-stack')
      const open = await orm.em.fork().count(Operation, { kind, state: ['queued', 'running'] })
      const row = await orm.em.fork().findOneOrFail(Host, { id: host.id })
      const content = await readHostContent(orm.em, host.id)
      stack = row.stack ?? undefined
      const current = content && stack?.digest === documentDigest(hostDocument(content))
      return (
        (open === 0 && current) || `${open} operations are open, it is ${current ? '' : 'not '}up to date`
      )
    })
    if (!stack) throw new Error('the host has no stack')
    return stack
  }

  get engine(): Engine {
    return JSON.parse(readFileSync(engineFile(this.running.service.installation), 'utf8')) as Engine
  }

  /** `npm run stack -- …` */
  pulumi(...args: string[]): Promise<Ended> {
    return this.running.clone.run('stack', ...args)
  }

  /** A script on the host. */
  async inside(text: string): Promise<string> {
    return (await this.running.service.connection.run(script('test', text))).trim()
  }

  /** Processes of the worker, and of the stack operations that it runs. */
  processes(): FoundProcess[] {
    const uid = Number(execFileSync('id', ['-u', this.running.service.installation.users.worker]))
    return processesOf([uid])
  }

  /** How many of them have this in their command line. */
  count(part: string): number {
    return this.#find(part).length
  }

  /** SIGKILL for them. @returns how many */
  kill(part: string): number {
    const found = this.#find(part)
    for (const { pid } of found) process.kill(pid, 'SIGKILL')
    return found.length
  }

  #find(part: string): FoundProcess[] {
    return this.processes().filter(({ argv }) => argv.join(' ').includes(part))
  }

  /** The SSH key that opens the host. */
  async privateKey(): Promise<string> {
    const { orm, host, installation } = this.running.service
    return (await openHostKey(orm.em, readBoxPrivateKey(installation), host)).reveal()
  }

  /** Updates of the host's stack, newest first. */
  async updates(): Promise<Operation[]> {
    const { orm, host } = this.running.service
    return await orm.em
      .fork()
      .find(Operation, { host: host.id, kind: 'update-stack' }, { orderBy: { id: 'desc' } })
  }
}
