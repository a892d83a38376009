import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Engine } from '../../stacks/engine.ts'
import { engineEnvironment } from '../../stacks/environment.ts'
import type { StackSettings } from '../../stacks/gateway.ts'

const NAME = 'bare'
const MODULES = resolve(import.meta.dirname, '../../node_modules')
const PROJECT = `name: ${NAME}\nmain: program.js\nruntime: { name: nodejs, options: { typescript: false } }\n`

/** The engine running an empty program, on the same state and by the same means as the runs of our stacks. */
export class BareEngine {
  readonly #engine: Engine
  readonly #settings: StackSettings

  constructor(engine: Engine, settings: StackSettings) {
    this.#engine = engine
    this.#settings = settings
  }

  /** An update through the Automation API, in a process of its own as the gateway starts one. */
  async update(): Promise<void> {
    await this.#inFolder(async (directory, env) => {
      const runner = join(import.meta.dirname, 'bare-runner.ts')
      const args = [
        process.execPath,
        '--no-warnings',
        runner,
        directory,
        this.#settings.state().backendUrl,
        NAME,
      ]
      await promisify(execFile)('/usr/bin/prlimit', args, { cwd: directory, env })
    })
  }

  /** The same by `pulumi up`, with Pulumi's own way to run a program. */
  async updateByHand(): Promise<void> {
    await this.#inFolder(async (directory, env) => {
      writeFileSync(join(directory, 'Pulumi.yaml'), PROJECT)
      writeFileSync(join(directory, 'program.js'), 'module.exports = async () => ({})\n')
      symlinkSync(MODULES, join(directory, 'node_modules'))
      const up = ['up', '--yes', '--skip-preview', '--color', 'never', '--stack', NAME]
      await promisify(execFile)(join(this.#engine.bin, 'pulumi'), up, { cwd: directory, env })
    })
  }

  async #inFolder(act: (directory: string, env: Record<string, string>) => Promise<void>): Promise<void> {
    const runs = join(this.#settings.directory, 'runs')
    mkdirSync(runs, { recursive: true })
    const directory = mkdtempSync(join(runs, `${NAME}-`))
    try {
      const home = join(directory, 'home')
      const fetched = join(this.#settings.directory, 'plugins')
      const env = engineEnvironment(this.#engine, this.#settings.state(), home, fetched)
      await act(directory, { ...env, HOME: directory, TMPDIR: directory })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
