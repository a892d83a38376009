import { applyHost } from '../../provisioner/host/apply.ts'
import { readHostFacts } from '../../provisioner/host/facts.ts'
import { planHost } from '../../provisioner/host/plan.ts'
import { hostWanted } from '../../provisioner/host/wanted.ts'
import { connectHost } from '../../provisioner/ssh.ts'
import { hostDocument } from '../../stacks/document.ts'
import type { Engine } from '../../stacks/engine.ts'
import { runStack, type StackSettings } from '../../stacks/gateway.ts'
import type { RunResult, StackCommand, StackStep } from '../../stacks/protocol.ts'
import { bareMachine, type TestMachine } from '../../test/machine.ts'

interface RunOptions {
  refresh?: boolean
  onStep?: (step: StackStep) => void
}

const DEADLINE_MS = 5 * 60_000

/** A configured machine of this computer that no control plane knows: nobody else changes it, or raises its revision. */
export class StackHost {
  readonly #machine: TestMachine
  readonly #engine: Engine
  readonly #settings: StackSettings
  readonly #began = new Date().toISOString()
  /** What its firewall lets through; whoever changes it raises the revision of every document. */
  #allow: string[] = []
  #revision = 1

  private constructor(machine: TestMachine, engine: Engine, settings: StackSettings) {
    this.#machine = machine
    this.#engine = engine
    this.#settings = settings
  }

  static async boot(engine: Engine, settings: StackSettings): Promise<StackHost> {
    const machine = await bareMachine()
    try {
      const connection = await connectHost(machine.target)
      const wanted = hostWanted(machine.spec)
      await applyHost(connection, planHost(wanted, await readHostFacts(connection, wanted)), () => {})
      connection.close()
      return new StackHost(machine, engine, settings)
    } catch (error) {
      await machine.remove()
      throw error
    }
  }

  allowOneMore(): void {
    this.#revision += 1
    this.#allow = [...this.#allow, `203.0.113.${this.#revision}/32`]
  }

  /** As the worker runs it. @param stack its name: several may stand for this one machine */
  run(
    command: StackCommand,
    stack: string,
    { refresh = false, onStep = () => {} }: RunOptions = {},
  ): Promise<RunResult> {
    const { spec, target } = this.#machine
    const document = hostDocument({
      ...{ id: `host_${stack}`, name: stack, revision: this.#revision, spec, access: target },
      ...{ allow: this.#allow, databases: 1 },
    })
    return runStack(this.#engine, this.#settings, {
      ...{ command, document, refresh, onStep, privateKey: target.privateKey },
      ...{ recover: false, handRunsAfter: command === 'adopt' ? null : this.#began, deadlineMs: DEADLINE_MS },
    })
  }

  remove(): Promise<void> {
    return this.#machine.remove()
  }
}
