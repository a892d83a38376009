import type { EntityManager } from '@mikro-orm/postgresql'
import type { Operation } from '../model/operation.ts'
import { OperationStep } from '../model/operation-step.ts'
import type { Checkpoint } from './checkpoint.ts'
import { OPERATION_STEPS, type OperationKind } from './kinds.ts'

/** Writes the steps of running operations as they happen; one statement serves all operations of a pass. */
export class Journal {
  readonly #em: EntityManager
  readonly #checkpoint: Checkpoint
  #written: Promise<unknown> = Promise.resolve()

  constructor(em: EntityManager, checkpoint: Checkpoint) {
    this.#em = em
    this.#checkpoint = checkpoint
  }

  /** Marks a step as running. Work does not wait for marks; `written` does, before an operation ends. */
  begin(operations: readonly Operation[], name: string): void {
    this.#write(operations, name, { state: 'running', startedAt: new Date() })
  }

  async end(operations: readonly Operation[], name: string, detail: string | null = null): Promise<void> {
    this.#write(operations, name, { state: 'done', finishedAt: new Date(), detail })
    for (const kind of new Set(withStep(operations, name).map((operation) => operation.kind))) {
      await this.#checkpoint(`${kind}:${name}`)
    }
  }

  /** Everything noted so far is written. */
  async written(): Promise<void> {
    await this.#written
  }

  async fail(operations: readonly Operation[], name: string, detail: string): Promise<void> {
    this.#write(operations, name, { state: 'failed', finishedAt: new Date(), detail })
    await this.#written
  }

  /** Says what a running step is doing. */
  detail(operations: readonly Operation[], name: string, detail: string): void {
    this.#write(operations, name, { detail })
  }

  #write(operations: readonly Operation[], name: string, change: Partial<OperationStep>): void {
    const ids = withStep(operations, name).map((operation) => operation.id)
    if (ids.length === 0) return
    const before = this.#written
    const update = async () => {
      await before
      await this.#em.fork().nativeUpdate(OperationStep, { operation: { $in: ids }, name }, change)
    }
    this.#written = update()
    // The next awaited write reports it; until then nobody listens.
    this.#written.catch(() => undefined)
  }
}

const stepsOf = (kind: OperationKind): readonly string[] => OPERATION_STEPS[kind]

const withStep = (operations: readonly Operation[], name: string): Operation[] =>
  operations.filter((operation) => stepsOf(operation.kind).includes(name))
