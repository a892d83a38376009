import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from './errors.ts'

interface Resource {
  id: number
  type: string
}

export interface Action {
  id: number
  command: string
  status: 'running' | 'success' | 'error'
  started: string
  finished: string | null
  resources: Resource[]
  error: { code: string; message: string } | null
}

interface Order {
  command: string
  resources: Resource[]
  /** Those that take no other action meanwhile. */
  locks?: Resource[]
  /** Waits for it, and fails with it. */
  after?: Action
  work?: () => void | Promise<void>
  /** Brings back what the call changed at once. */
  undo?: () => void
}

/** What a fault does to every action of one call. */
export interface Sabotage {
  ms?: number
  error?: { code: string; message: string }
}

interface Running {
  order: Order
  beganAt: number
  ms: number
  ended: Promise<void>
}

const isSame = (a: Resource, b: Resource): boolean => a.id === b.id && a.type === b.type

/** What takes time: runs beside the calls, locks its resources, and can be asked for. */
export class Actions {
  readonly #ms: number
  readonly #nextId: () => number
  readonly #all = new Map<number, Action>()
  readonly #running = new Map<Action, Running>()
  readonly #closing = new AbortController()
  #sabotage: Sabotage = {}

  constructor(ms: number, nextId: () => number) {
    this.#ms = ms
    this.#nextId = nextId
  }

  all(): Action[] {
    return [...this.#all.values()]
  }

  /** Runs `call`, whose actions then go as the sabotage has it. Only of what starts its actions at once. */
  sabotaged<Result>(sabotage: Sabotage, call: () => Result): Result {
    this.#sabotage = sabotage
    try {
      return call()
    } finally {
      this.#sabotage = {}
    }
  }

  run(order: Order): Action {
    const { command, resources } = order
    const action: Action = {
      id: this.#nextId(),
      command,
      status: 'running',
      started: new Date().toISOString(),
      finished: null,
      resources,
      error: null,
    }
    this.#all.set(action.id, action)
    const { ms = this.#ms, error } = this.#sabotage
    const awaited = order.after && this.#running.get(order.after)?.ended
    const ended = this.#perform(action, order, { ms, error }, awaited)
    this.#running.set(action, { order, beganAt: Date.now(), ms, ended })
    return action
  }

  async #perform(
    action: Action,
    order: Order,
    { ms, error }: { ms: number; error: Sabotage['error'] },
    awaited: Promise<void> | undefined,
  ): Promise<void> {
    try {
      await awaited
      if (order.after?.status === 'error') throw new Error(`${order.after.command} failed`)
      await sleep(ms, undefined, { signal: this.#closing.signal })
      if (error) {
        action.error = error
        throw new Error(error.message)
      }
      await order.work?.()
      action.status = 'success'
    } catch (thrown) {
      order.undo?.()
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      action.error ??= { code: 'action_failed', message }
      action.status = 'error'
    }
    action.finished = new Date().toISOString()
    this.#running.delete(action)
  }

  #isLocked(resource: Resource): boolean {
    return [...this.#running.values()].some(({ order }) => order.locks?.some((one) => isSame(one, resource)))
  }

  /** Throws `locked` while an action runs on the resource. */
  refuseLocked(...resources: Resource[]): void {
    const locked = resources.find((resource) => this.#isLocked(resource))
    if (locked) throw new ApiError('locked', `${locked.type} ${locked.id} is locked by an action that runs`)
  }

  isLocked(type: string, id: number): boolean {
    return this.#isLocked({ type, id })
  }

  isRunning(command: string, ...resources: Resource[]): boolean {
    return [...this.#running.keys()].some(
      (action) =>
        action.command === command &&
        resources.every((resource) => action.resources.some((one) => isSame(one, resource))),
    )
  }

  view(action: Action): object {
    const { id, command, status, started, finished, resources, error } = action
    const running = this.#running.get(action)
    const share = running ? (Date.now() - running.beganAt) / Math.max(running.ms, 1) : 1
    const progress = running ? Math.min(99, Math.floor(share * 100)) : 100
    return { id, command, status, progress, started, finished, resources, error }
  }

  /** Ends what runs; work that has begun is awaited. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended))
  }
}
