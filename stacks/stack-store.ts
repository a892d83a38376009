import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { engineEnvironment, PASSPHRASE, type StateAccess } from './environment.ts'
import { explainFailure, stateProblem } from './failures.ts'
import { PROJECT } from './names.ts'

const DEADLINE_MS = 2 * 60_000
/** Of an exported state. */
const MOST_BYTES = 256 * 1024 * 1024

/** What of an exported state must be the same after it was copied: encrypted values are others each time. */
interface Exported {
  deployment?: { resources?: { urn: string; id?: string }[]; pending_operations?: unknown[] }
}

/** All stacks of one place, as the engine's own commands list, copy and remove them; none is run. */
export class StackStore {
  readonly #engine: Engine
  readonly #state: StateAccess
  readonly #folder: string

  private constructor(engine: Engine, state: StateAccess, folder: string) {
    this.#engine = engine
    this.#state = state
    this.#folder = folder
  }

  /** Works with a place, in a folder of its own that only this user may enter. */
  static async with<T>(
    engine: Engine,
    state: StateAccess,
    action: (store: StackStore) => Promise<T>,
  ): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), 'dbhost-state-'))
    try {
      return await action(new StackStore(engine, state, folder))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Names of all stacks of the project. @throws where the place cannot be opened */
  async names(): Promise<string[]> {
    const listed = JSON.parse(await this.#pulumi('stack', 'ls', '--json', '--project', PROJECT)) as {
      name: string
    }[]
    return listed.map(({ name }) => name.split('/').at(-1) ?? name)
  }

  /** Copies a stack from here, over one that may be there already. @throws where it is not the same afterwards */
  async copyTo(other: StackStore, name: string): Promise<void> {
    const exported = await this.#export(name)
    const file = join(this.#folder, 'exported.json')
    writeFileSync(file, exported, { mode: 0o600 })
    if (!(await other.names()).includes(name)) await other.make(name)
    await other.#pulumi('stack', 'import', '--file', file, '--stack', name)
    if (contentOf(await other.#export(name)) !== contentOf(exported))
      throw new Error(`The stack ${name} is not the same after it was copied.`)
  }

  /** Makes an empty stack. */
  async make(name: string): Promise<void> {
    const { secretsProvider = PASSPHRASE } = this.#state
    await this.#pulumi('stack', 'init', name, '--no-select', '--secrets-provider', secretsProvider)
  }

  /** Forgets a stack; refused by whoever runs it this moment. What it stands for stays. */
  async remove(name: string): Promise<void> {
    await this.#pulumi('stack', 'rm', name, '--force', '--yes', '--remove-backups')
  }

  /** Encrypts the secrets of a stack with another key, or with the same one anew; what opens them now, the state says. */
  async rekey(name: string, to: string): Promise<void> {
    const settings = join(this.#folder, `Pulumi.${name}.yaml`)
    // Else the engine takes it for a new passphrase in the place of the old one, and asks for it.
    if (to === PASSPHRASE) writeFileSync(settings, 'secretsprovider: another\n')
    await this.#pulumi('stack', 'change-secrets-provider', to, '--stack', name)
    rmSync(settings, { force: true })
  }

  #export(name: string): Promise<string> {
    return this.#pulumi('stack', 'export', '--stack', name)
  }

  async #pulumi(...args: string[]): Promise<string> {
    const home = join(this.#folder, 'home')
    rmSync(home, { recursive: true, force: true })
    mkdirSync(home)
    writeFileSync(join(this.#folder, 'Pulumi.yaml'), `name: ${PROJECT}\nruntime: nodejs\n`)
    const env = engineEnvironment(this.#engine, this.#state, home, join(this.#folder, 'plugins'))
    const options = {
      ...{ cwd: this.#folder, timeout: DEADLINE_MS, maxBuffer: MOST_BYTES },
      env: { ...env, HOME: this.#folder, TMPDIR: this.#folder },
    }
    const command = [...args, '--non-interactive', '--color', 'never']
    return await new Promise((resolve, reject) => {
      execFile(join(this.#engine.bin, 'pulumi'), command, options, (error, stdout, stderr) => {
        if (!error) resolve(stdout)
        else if (error.killed)
          reject(new Error(`pulumi ${args[1]} did not end within ${DEADLINE_MS / 1000} s.`))
        else reject(new Error(problemIn(`${stdout}\n${stderr}`)))
      })
    })
  }
}

const problemIn = (text: string): string => stateProblem(text) ?? explainFailure(text).message

function contentOf(text: string): string {
  const { deployment: { resources = [], pending_operations: pending = [] } = {} } = JSON.parse(
    text,
  ) as Exported
  return JSON.stringify([resources.map(({ urn, id }) => [urn, id]), pending.length])
}
