import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { SeededRandom } from '../random.ts'
import { FireControlPlane } from './control-plane.ts'
import { cutConnections, killMachine, machineOf } from './machine.ts'
import { MOMENTS, type Moment } from './moments.ts'
import type { Fault } from './rotation.ts'

const CHANGE = 'converge-host:change:'
const LOOK_MS = 5

/** Which fault meets a change; none in an undisturbed lane. */
export type FaultOf = (change: string) => Fault | undefined

/** A bare machine under converge, with a fault before each change of its plan and in the middle of the slow ones. */
export class Lane {
  readonly plane: FireControlPlane
  /** Changes in the order in which they were first begun. */
  readonly changes: string[] = []
  /** `<fault>: <change, or moment in one>` in the order in which they were fired. */
  readonly fired: string[] = []
  readonly #faultOf: FaultOf
  readonly #random: SeededRandom
  /** By change: moments in it that no fault has met yet. */
  readonly #moments = new Map<string, Set<Moment>>()
  /** Changes that lost their worker or connection in their middle and were not begun again: the host ended them alone. */
  readonly #left = new Set<string>()
  /** Counts checkpoints: who watches a change sees by it that the change is over. */
  #step = 0

  private constructor(plane: FireControlPlane, faultOf: FaultOf, seed: number) {
    this.plane = plane
    this.#faultOf = faultOf
    this.#random = new SeededRandom(seed)
  }

  static async open(name: string, faultOf: FaultOf, seed: number): Promise<Lane> {
    const lane = new Lane(await FireControlPlane.open(name), faultOf, seed)
    lane.plane.run((checkpoint, worker) => lane.#at(checkpoint, worker))
    return lane
  }

  /** Moments that were over before a fault could meet them, though there was another attempt to meet them in. */
  get missed(): string[] {
    const tried = [...this.#moments].filter(([change]) => !this.#left.has(change))
    return tried.flatMap(([, moments]) => [...moments].map(({ name }) => name))
  }

  async #at(checkpoint: string, worker: ChildProcess): Promise<void> {
    this.#step += 1
    if (!checkpoint.startsWith(CHANGE)) return
    const change = checkpoint.slice(CHANGE.length)
    this.#left.delete(change)
    const fault = this.#faultOf(change)
    const isFirst = !this.changes.includes(change)
    if (isFirst) {
      if (fault && !(await this.#fire(fault, change, worker))) return
      this.changes.push(change)
      this.#moments.set(change, new Set(fault ? MOMENTS[change] : []))
    } else if (fault && (this.#moments.get(change)?.size ?? 0) > 0) void this.#watch(fault, change, worker)
  }

  /** Lets the change go on and meets it in its middle. */
  async #watch(fault: Fault, change: string, worker: ChildProcess): Promise<void> {
    const left = this.#moments.get(change) ?? new Set()
    const step = this.#step
    const machine = await machineOf(this.plane.installation)
    const over = (): boolean => this.#step !== step || worker.exitCode !== null || worker.signalCode !== null
    let now: Moment | undefined
    while (!now) {
      if (over()) return
      await sleep(LOOK_MS)
      now = [...left].find((moment) => moment.isNow(machine))
    }
    await sleep(this.#random.between(0, now.upTo))
    if (!(await this.#fire(fault, now.name, worker, machine))) return
    left.delete(now)
    if (fault !== 'machine') this.#left.add(change)
  }

  /** @returns false where an earlier fault has left nothing to break: the next attempt meets this one */
  async #fire(fault: Fault, where: string, worker: ChildProcess, known?: LocalMachine): Promise<boolean> {
    const machine = known ?? (await machineOf(this.plane.installation))
    const hit = {
      worker: () => worker.kill('SIGKILL'),
      connection: () => cutConnections(machine) > 0,
      machine: () => killMachine(machine),
    }[fault]()
    if (hit) this.fired.push(`${fault}: ${where}`)
    return hit
  }
}
