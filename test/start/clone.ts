import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StartFacts } from '../../start/start-facts.ts'
import { CLONES, ownForTest, removeClients } from '../leftovers.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const READY = 'DBHost runs.'

export interface Ended {
  code: number | null
  output: string
}

/** A fresh clone of this repository in a folder of its own, packages hard-linked. */
export class Clone {
  readonly path: string
  /** What goes with it: the folder that was made for it. */
  readonly #folder: string

  private constructor(path: string, folder = path) {
    this.path = path
    this.#folder = folder
  }

  /** @param below path below a folder that only root may enter */
  static make(below = 'clone'): Clone {
    const folder = mkdtempSync(CLONES)
    ownForTest(folder)
    const path = join(folder, below)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const skip = ['node_modules', '.dbhost', '.git'].map((name) => `--exclude=./${name}`)
    const copy = `tar -C "$0" ${skip.join(' ')} -cf - . | tar -C "$1" -xf -; cp -al "$0/node_modules" "$1/"`
    execFileSync('sh', ['-c', copy, REPOSITORY, path])
    return new Clone(path, folder)
  }

  /** One that another process made. */
  static at(path: string): Clone {
    return new Clone(path)
  }

  get id(): string {
    return readFileSync(join(this.path, '.dbhost', 'id'), 'utf8').trim()
  }

  get stateDir(): string {
    return join('/var/lib/dbhost', this.id)
  }

  get facts(): StartFacts {
    return JSON.parse(readFileSync(join(this.path, '.dbhost', 'start.json'), 'utf8')) as StartFacts
  }

  /** Runs a command of the clone to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.runWith({}, ...args)
  }

  /** The same with this besides in its environment. */
  async runWith(environment: Record<string, string>, ...args: string[]): Promise<Ended> {
    return await new Command(this.path, args, environment).ended
  }

  /** `npm start`, until it says that it runs. */
  start(...args: string[]): Promise<Command> {
    return this.startWith({}, ...args)
  }

  /** The same with this besides in its environment. */
  async startWith(environment: Record<string, string>, ...args: string[]): Promise<Command> {
    const command = new Command(this.path, ['start', ...args], environment)
    await command.says(READY)
    return command
  }

  async remove(): Promise<void> {
    const id = existsSync(join(this.path, '.dbhost', 'id')) ? this.id : undefined
    removeClients((one) => one === id)
    if (existsSync(join(this.path, 'start'))) {
      const { code, output } = await this.run('reset', '--yes', '--forget-bought')
      // Without its folder nobody could take the installation away any more.
      if (code !== 0) throw new Error(`${this.path} could not be reset: ${output}`)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A command that runs in the foreground, as in a terminal of its own. */
export class Command {
  readonly child: ChildProcess
  readonly began = Date.now()
  readonly ended: Promise<Ended>
  output = ''

  constructor(directory: string, args: string[], environment: Record<string, string> = {}) {
    this.child = spawn('node', ['start/enter.js', ...args], {
      ...{ cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
      // The engine is for the tests that say so; to the others it would be load at moments of its own choice.
      env: { DBHOST_ENGINE: 'direct', ...process.env, ...environment },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString()
      })
    }
    this.ended = once(this.child, 'exit').then(([code]) => ({
      code: code as number | null,
      output: this.output,
    }))
  }

  /** @returns seconds since the command began */
  async says(text: string): Promise<number> {
    while (!this.output.includes(text)) {
      if (this.child.exitCode !== null) throw new Error(`it ended without saying "${text}":\n${this.output}`)
      await sleep(50)
    }
    return (Date.now() - this.began) / 1000
  }

  /** Ctrl-C in its terminal: the signal reaches every process in the foreground. */
  async interrupt(): Promise<Ended> {
    if (this.child.pid) process.kill(-this.child.pid, 'SIGINT')
    return await this.ended
  }

  /** SIGKILL for the command and the program that it handed over to, and for nothing else. */
  async kill(): Promise<void> {
    if (this.child.pid && this.child.exitCode === null && this.child.signalCode === null)
      process.kill(-this.child.pid, 'SIGKILL')
    await this.ended
  }
}
