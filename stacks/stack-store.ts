import { execFile } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomName } from '../common/ids.ts'
import { isHeldByTheDead } from './dead-lock.ts'
import type { Engine } from './engine.ts'
import { engineEnvironment, PASSPHRASE, type StateAccess } from './environment.ts'
import { explainFailure, stateProblem } from './failures.ts'
import { removeLostLocks } from './lost-lock.ts'
import { PROJECT } from './names.ts'

const DEADLINE_MS = 2 * 60_000
/** Of an exported state. */
const MOST_BYTES = 256 * 1024 * 1024

/** By whom the engine is run, and where. */
export interface StoreSettings {
  engine: Engine
  /** Numeric ids of an OS user; undefined: whoever runs this. */
  user?: { uid: number; gid: number } | undefined
  /** A folder for a folder of this work alone. */
  scratch: string
}

/** What of an exported state must be the same after it was copied: encrypted values are others each time. */
interface Exported {
  deployment?: { resources?: { urn: string; id?: string }[]; pending_operations?: unknown[] }
}

/** A project that no host has a stack in. */
const PROBE = 'dbhost-probe'

interface Command {
  /** The stack whose lock it takes. */
  locked?: string
  project?: string
}

/** All stacks of one place, as the engine's own commands list, copy and remove them; none is run. */
export class StackStore {
  readonly #settings: StoreSettings
  readonly #state: StateAccess
  readonly #folder: string

  private constructor(settings: StoreSettings, state: StateAccess, folder: string) {
    this.#settings = settings
    this.#state = state
    this.#folder = folder
  }

  /** Works with a place, in a folder of its own that only its user may enter. */
  static async with<T>(
    settings: StoreSettings,
    state: StateAccess,
    action: (store: StackStore) => Promise<T>,
  ): Promise<T> {
    const folder = mkdtempSync(join(settings.scratch, 'state-'))
    try {
      if (settings.user) chownSync(folder, settings.user.uid, settings.user.gid)
      return await action(new StackStore(settings, state, folder))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Names of the stacks of our project. @throws where the place cannot be opened */
  async names(): Promise<string[]> {
    return namesIn(await this.#pulumi(['stack', 'ls', '--json', '--project', PROJECT]))
  }

  /** Names of all stacks, whoever they belong to; not of a probe that was cut short. @throws where the place cannot be opened */
  async allNames(): Promise<string[]> {
    const probes = namesIn(await this.#pulumi(['stack', 'ls', '--json', '--project', PROBE]))
    const all = namesIn(await this.#pulumi(['stack', 'ls', '--json', '--all']))
    return all.filter((name) => !probes.includes(name))
  }

  /** Are the two one place, whatever they are called? */
  async isSameAs(other: StackStore): Promise<boolean> {
    const name = `probe-${randomName(8)}`
    await other.#pulumi(['stack', 'init', name, '--no-select'], { project: PROBE })
    try {
      return namesIn(await this.#pulumi(['stack', 'ls', '--json'], { project: PROBE })).includes(name)
    } finally {
      await other.#pulumi(['stack', 'rm', name, '--yes', '--remove-backups'], { project: PROBE })
    }
  }

  /** Copies a stack from here, over one that may be there already. @throws where it is not the same afterwards */
  async copyTo(other: StackStore, name: string): Promise<void> {
    const exported = await this.#export(name)
    if (!(await other.names()).includes(name)) await other.make(name)
    const file = join(other.#folder, 'exported.json')
    other.#write(file, exported)
    await other.#pulumi(['stack', 'import', '--file', file, '--stack', name], { locked: name })
    if (contentOf(await other.#export(name)) !== contentOf(exported))
      throw new Error(`The stack ${name} is not the same after it was copied.`)
  }

  /** Makes an empty stack. */
  async make(name: string): Promise<void> {
    const { secretsProvider = PASSPHRASE } = this.#state
    await this.#pulumi(['stack', 'init', name, '--no-select', '--secrets-provider', secretsProvider], {
      locked: name,
    })
  }

  /** Forgets a stack; refused by whoever runs it this moment. What it stands for stays. */
  async remove(name: string): Promise<void> {
    await this.#pulumi(['stack', 'rm', name, '--force', '--yes', '--remove-backups'], { locked: name })
  }

  /** Encrypts the secrets of a stack with another key, or with the same one anew; what opens them now, the state says. */
  async rekey(name: string, to: string): Promise<void> {
    const settings = join(this.#folder, `Pulumi.${name}.yaml`)
    // Else the engine takes it for a new passphrase in the place of the old one, and asks for it.
    if (to === PASSPHRASE) this.#write(settings, 'secretsprovider: another\n')
    await this.#pulumi(['stack', 'change-secrets-provider', to, '--stack', name], { locked: name })
    rmSync(settings, { force: true })
  }

  #export(name: string): Promise<string> {
    return this.#pulumi(['stack', 'export', '--stack', name])
  }

  #write(file: string, text: string): void {
    rmSync(file, { force: true })
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
    const { user } = this.#settings
    if (user) chownSync(file, user.uid, user.gid)
  }

  /** Runs a command of the engine; the lock of one that is known to be dead is taken, once. */
  async #pulumi(args: string[], { locked, project }: Command = {}): Promise<string> {
    const first = await this.#run(args, project)
    if (!first.failed) return first.text
    if (locked === undefined || !isHeldByTheDead(first.text)) throw new Error(problemIn(first.text))
    const cancelled = await this.#run(['cancel', '--stack', locked, '--yes'])
    if (cancelled.failed) await removeLostLocks(this.#state.backendUrl, locked, this.#settings.user)
    const second = await this.#run(args)
    if (second.failed) throw new Error(problemIn(second.text))
    return second.text
  }

  async #run(args: string[], project = PROJECT): Promise<{ failed: boolean; text: string }> {
    const { engine, user } = this.#settings
    const home = join(this.#folder, 'home')
    rmSync(home, { recursive: true, force: true })
    this.#write(join(this.#folder, 'Pulumi.yaml'), `name: ${project}\nruntime: nodejs\n`)
    const plugins = join(this.#folder, 'plugins')
    const env = engineEnvironment(engine, this.#state, home, plugins)
    if (user) for (const folder of [home, plugins]) chownSync(folder, user.uid, user.gid)
    const become = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
    // It ends with us: what goes on unseen would meet whoever repeats this.
    const command = ['--pdeathsig', 'KILL', ...become, join(engine.bin, 'pulumi'), ...args]
    const options = {
      ...{ cwd: this.#folder, timeout: DEADLINE_MS, maxBuffer: MOST_BYTES, killSignal: 'SIGKILL' as const },
      env: { ...env, HOME: this.#folder, TMPDIR: this.#folder },
    }
    return await new Promise((resolve) => {
      const all = [...command, '--non-interactive', '--color', 'never']
      execFile('/usr/bin/setpriv', all, options, (error, stdout, stderr) => {
        const late = error?.killed
          ? `error: pulumi ${args[0]} did not end within ${DEADLINE_MS / 1000} s`
          : ''
        resolve({ failed: error !== null, text: error ? `${stdout}\n${stderr}\n${late}` : stdout })
      })
    })
  }
}

const problemIn = (text: string): string => stateProblem(text) ?? explainFailure(text).message

const namesIn = (listed: string): string[] =>
  (JSON.parse(listed) as { name: string }[]).map(({ name }) => name.split('/').at(-1) ?? name)

function contentOf(text: string): string {
  const { deployment: { resources = [], pending_operations: pending = [] } = {} } = JSON.parse(
    text,
  ) as Exported
  return JSON.stringify([resources.map(({ urn, id }) => [urn, id]), pending.length])
}
