import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { LocalMachine as MachineRow } from '../api/model/local-machine.ts'
import { messageOf } from '../common/errors.ts'
import { bootMachine } from '../hosts/local/boot.ts'
import { prepareImage } from '../hosts/local/image.ts'
import { createMachine, type LocalMachine, listMachines } from '../hosts/local/machine.ts'
import { removeMachine } from '../hosts/local/remove.ts'
import { machineState, stopMachine } from '../hosts/local/stop.ts'
import type { Installation } from './installation.ts'

const LOOK_MS = 1000
const FIRST_PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 60_000
/** An observation that has not changed is written again only so often. */
const FRESH_MS = 10_000
const PATIENCE_MS = 5000

export interface MachineKeeperOptions {
  installation: Installation
  /** The boot helper's own door to the rows. */
  em: EntityManager
  /** May log in to every local machine. */
  authorizedKey: string
  /** Called after each boot, and once for a machine that was found running. */
  booted: (row: MachineRow, machine: LocalMachine) => Promise<void>
  report: (text: string) => void
}

/** Keeps the machines of this computer as their rows want them. Only this program is root, so only it boots. */
export class MachineKeeper {
  readonly #options: MachineKeeperOptions
  readonly #busy = new Map<string, Promise<void>>()
  /** Machines that were announced by this keeper and have run since. */
  readonly #announced = new Set<string>()
  readonly #pauses = new Map<string, { until: number; ms: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: MachineKeeperOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS)
    void this.#look()
  }

  /** Stops looking, waits for what is under way, and stops every machine in order. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    // An image that is being built may take minutes; it dies with this process.
    await Promise.race([Promise.all(this.#busy.values()), sleep(PATIENCE_MS)])
    const machines = await listMachines(this.#options.installation.stateDir)
    await Promise.all(machines.map((machine) => stopMachine(machine)))
  }

  async #look(): Promise<void> {
    const em = this.#options.em.fork()
    // PostgreSQL may be starting again; the next look finds it.
    const living = { $not: { wanted: 'removed' as const, observed: 'absent' as const } }
    const rows = await em.find(MachineRow, living, { populate: ['host'] }).catch(() => [])
    for (const row of rows) {
      const { id } = row.host
      if (this.#busy.has(id) || Date.now() < (this.#pauses.get(id)?.until ?? 0)) continue
      const work = this.#keep(em, row)
        .then(() => void this.#pauses.delete(id))
        .catch((error: unknown) => this.#failed(em, row, error))
        .finally(() => this.#busy.delete(id))
      this.#busy.set(id, work)
    }
  }

  async #keep(em: EntityManager, row: MachineRow): Promise<void> {
    const machine = await this.#find(row)
    if (row.wanted === 'running') return await this.#run(em, row, machine)
    this.#announced.delete(row.host.id)
    if (row.wanted === 'stopped') {
      if (machine && machineState(machine) === 'running') await stopMachine(machine)
      return await this.#record(em, row, 'stopped', null)
    }
    if (machine) {
      await this.#record(em, row, row.observed, 'removing the machine')
      await removeMachine(machine)
    }
    await this.#record(em, row, 'absent', null)
  }

  async #run(em: EntityManager, row: MachineRow, found: LocalMachine | undefined): Promise<void> {
    const { id, name } = row.host
    const runs = found !== undefined && machineState(found) === 'running'
    if (runs && this.#announced.has(id)) return await this.#record(em, row, 'running', null)
    if (this.#announced.delete(id)) this.#options.report(`The machine ${name} died; booting it again`)
    const machine = found ?? (await this.#create(em, row))
    await this.#record(em, row, runs ? 'running' : 'stopped', 'booting')
    const began = Date.now()
    await bootMachine(machine)
    await this.#options.booted(row, machine)
    this.#announced.add(id)
    await this.#record(em, row, 'running', null)
    this.#options.report(`The machine ${name} runs (${((Date.now() - began) / 1000).toFixed(1)} s)`)
  }

  async #find({ machineName }: MachineRow): Promise<LocalMachine | undefined> {
    const machines = await listMachines(this.#options.installation.stateDir)
    return machines.find(({ hostname }) => hostname === machineName)
  }

  async #create(em: EntityManager, row: MachineRow): Promise<LocalMachine> {
    const { installation, authorizedKey, report } = this.#options
    const say = (text: string): void => {
      report(`The machine ${row.host.name}: ${text}`)
      void this.#record(em.fork(), row, 'absent', text)
    }
    const mirror = process.env.DBHOST_DEBIAN_MIRROR
    const image = await prepareImage(say, mirror === undefined ? {} : { mirror })
    say('copying the image')
    return await createMachine({
      ...{ installation: installation.id, stateDirectory: installation.stateDir },
      ...{ image, authorizedKey, hostname: row.machineName },
    })
  }

  async #failed(em: EntityManager, row: MachineRow, error: unknown): Promise<void> {
    const ms = Math.min((this.#pauses.get(row.host.id)?.ms ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS)
    this.#pauses.set(row.host.id, { ms, until: Date.now() + ms })
    this.#options.report(`The machine ${row.host.name} failed: ${messageOf(error)}`)
    await this.#record(em, row, 'failed', messageOf(error)).catch(() => {})
  }

  /** Written by nativeUpdate: what is wanted may change meanwhile and must not be written back. */
  async #record(
    em: EntityManager,
    row: MachineRow,
    observed: MachineRow['observed'],
    detail: string | null,
  ): Promise<void> {
    const fresh = row.observedAt && Date.now() - row.observedAt.getTime() < FRESH_MS
    if (fresh && row.observed === observed && row.detail === detail) return
    await em.nativeUpdate(MachineRow, { host: row.host.id }, { observed, detail, observedAt: new Date() })
    Object.assign(row, { observed, detail, observedAt: new Date() })
  }
}
