import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { findProcesses } from '../../hosts/local/machine-process.ts'
import { cutConnections, inMachine, killMachine, processesIn } from '../fire/machine.ts'
import { postmasterPid, processOf } from '../start/asking.ts'
import type { Clone } from '../start/clone.ts'
import { fill, loginAs, type Target } from './client.ts'
import { FAULT_KINDS, type FaultKind, type PlannedFault } from './plan.ts'
import type { Record } from './record.ts'
import type { Weather } from './weather.ts'

/** What the faults act on. */
export interface Battlefield {
  clone: Clone
  machine: LocalMachine
  /** Holds the shift of the control plane's clock, in seconds. */
  clockFile: string
  /** The first database, whose login tells that all is up again. */
  witness: Target
  /** A database in an instance with little space, and that project's name. */
  small: { target: Target; id: string; project: string }
  apiIsUp: () => Promise<boolean>
  /** Asks for the clean-up mode of a database; undone where the service has none. */
  cleanUp: (id: string) => Promise<void>
}

const POWER_OFF = 34 + 4
/** Until everything must be up again after one fault, in milliseconds. */
const HEALED_MS = 3 * 60_000

/** Plays the faults of a plan one after the other; each ends when what it broke is whole again. */
export class Faults {
  readonly #field: Battlefield
  readonly #record: Record
  readonly #weather: Weather

  constructor(field: Battlefield, record: Record, weather: Weather) {
    this.#field = field
    this.#record = record
    this.#weather = weather
  }

  /** @param seconds no fault begins later than this, except that every kind comes once */
  async play(plan: readonly PlannedFault[], seconds: number): Promise<void> {
    const began = performance.now()
    for (const [index, fault] of plan.entries()) {
      const wait = fault.at * 1000 - (performance.now() - began)
      if (wait > 0) await sleep(wait)
      if (index >= FAULT_KINDS.length && performance.now() - began > seconds * 1000) return
      this.#record.count('faults', fault.kind)
      this.#record.say(`fault: ${fault.kind}`)
      await this.#weather.disturb(async () => {
        await this.#acts[fault.kind](fault)
        await this.#healed(fault.kind)
      })
    }
  }

  readonly #acts: { [kind in FaultKind]: (fault: PlannedFault) => Promise<void> | void } = {
    'kill the server': () => this.#kill('the server', () => processOf(this.#field.clone, 'api/server.ts')),
    'kill the worker': () => this.#kill('the worker', () => processOf(this.#field.clone, 'api/worker.ts')),
    'kill the PostgreSQL of the control plane': () =>
      this.#kill('its PostgreSQL', () => postmasterPid(this.#field.clone)),
    'kill PgBouncer': () => this.#kill('PgBouncer', () => this.#inside('/usr/sbin/pgbouncer\0/etc')),
    'kill an instance': ({ victim }) =>
      this.#kill('an instance', () => this.#inside('/usr/lib/postgresql/17/bin/postgres', victim)),
    'kill Caddy': () => this.#kill('Caddy', () => this.#inside('/usr/bin/caddy')),
    'reboot the machine': () => this.#powerOff(),
    'kill the machine': () => void killMachine(this.#field.machine),
    'cut SSH': () => {
      cutConnections(this.#field.machine)
    },
    'drop SSH silently': ({ lasts }) => this.#dropSsh(lasts),
    'fill a disk': ({ lasts }) => this.#fillDisk(lasts),
    'shift the clock': ({ shift, lasts }) => this.#shiftClock(shift, lasts),
  }

  /** Whoever is being started again is waited for. */
  #kill(whom: string, find: () => number): Promise<void> {
    return this.#until(`${whom} can be killed`, async () => process.kill(find(), 'SIGKILL'))
  }

  /** A process of the machine by the beginning of its command line. @throws where there is none */
  #inside(beginning: string, victim = 0): number {
    const found = processesIn(this.#field.machine, beginning).toSorted((a, b) => a - b)
    const pid = found[victim % Math.max(1, found.length)]
    if (pid === undefined) throw new Error(`the machine runs no ${beginning}`)
    return pid
  }

  #powerOff(): void {
    const { init } = findProcesses(this.#field.machine.root)
    if (init !== undefined) process.kill(init, POWER_OFF)
  }

  /** Packets of the worker to the machine's SSH server vanish; no end of the connection is told. */
  async #dropSsh(seconds: number): Promise<void> {
    const { installation, address4 } = this.#field.machine
    const table = `dbhost_soak_${installation}`
    const rules =
      `table inet ${table} { chain output { type filter hook output priority 0; ` +
      `ip daddr ${address4} tcp dport 22 drop; }; }`
    execFileSync('/usr/sbin/nft', ['-f', '-'], { input: rules })
    try {
      await sleep(seconds * 1000)
    } finally {
      execFileSync('/usr/sbin/nft', ['delete', 'table', 'inet', table])
    }
  }

  async #fillDisk(seconds: number): Promise<void> {
    const { machine, small } = this.#field
    this.#weather.full.add(small.project)
    this.#record.say(`the disk is full: ${await fill(small.target)}`)
    await sleep(seconds * 1000)
    const { database } = small.target
    const drop = `for socket in /run/pgi/*; do
      psql -XAtq -h "$socket" -U dbhost -d ${database} -c 'drop table if exists filler' -c checkpoint && exit 0
    done; exit 1`
    await this.#until('the full disk is emptied', async () => inMachine(machine, drop) !== undefined)
    await this.#until('the full instance works again', async () => {
      if ((await loginAs(small.target, database)) === 'in') return true
      await this.#field.cleanUp(small.id)
      return false
    })
    this.#weather.full.delete(small.project)
  }

  async #shiftClock(seconds: number, lasts: number): Promise<void> {
    writeFileSync(this.#field.clockFile, `${seconds > 0 ? '+' : ''}${seconds}\n`)
    await sleep(lasts * 1000)
    writeFileSync(this.#field.clockFile, '+0\n')
    // The programs look at the file once a second.
    await sleep(1100)
  }

  #healed(kind: FaultKind): Promise<void> {
    const { apiIsUp, witness } = this.#field
    return this.#until(`everything is up after "${kind}"`, async () => {
      return (await apiIsUp()) && (await loginAs(witness, witness.database)) === 'in'
    })
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + HEALED_MS
    while (!(await isSo().catch(() => false))) {
      if (performance.now() > deadline) return this.#record.violation(`never: ${what}`)
      await sleep(300)
    }
  }
}
