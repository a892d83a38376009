import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Secret } from '../common/secret.ts'
import type { CloudAccess } from '../hosts/hcloud/client.ts'
import type { HostDocument } from './document.ts'
import type { Engine } from './engine.ts'
import { engineEnvironment, PASSPHRASE, type StateAccess } from './environment.ts'
import { explainFailure, passes, type StackFailure, type StackFailureKind } from './failures.ts'
import type { RunnerMessage, RunnerRequest, RunResult, StackCommand, StackStep } from './protocol.ts'

export { PASSPHRASE, type StateAccess } from './environment.ts'

/** Where stacks of this worker are kept and run. */
export interface StackSettings {
  /** Asked when a run has begun: what waits for the end of all runs sees those that know the place. @throws while it moves */
  state: () => StateAccess
  /** A folder of this worker's own; each run gets one of its own in it. */
  directory: string
  /** Undefined: nothing can be bought. */
  cloud?: CloudAccess | undefined
}

export interface StackRun {
  command: StackCommand
  document: HostDocument
  privateKey: Secret
  hostKey?: Secret | undefined
  recover: boolean
  refresh: boolean
  /** As the runner's; false by default. */
  forsake?: boolean
  /** As the runner's. */
  handRunsAfter: string | null
  deadlineMs: number
  onStep: (step: StackStep) => void
}

export class StackError extends Error {
  override readonly name = 'StackError'
  readonly kind: StackFailureKind

  constructor({ kind, message }: StackFailure) {
    super(message)
    this.kind = kind
  }

  /** May the same operation succeed when it is tried again? */
  get passes(): boolean {
    return passes(this.kind)
  }
}

/** After a first request to stop, in milliseconds: the engine finishes what it is at. */
const GRACE_MS = 10_000

/** Of each process of a run: writable memory in bytes, and what Go's and JavaScript's heaps aim at. */
const DATA_LIMIT = 2 * 1024 ** 3
const GO_LIMIT = '512MiB'
const JS_LIMIT_MB = 512

/**
 * Runs one stack operation in a process group of its own and waits for its end.
 * @throws StackError in words that say what to do
 */
export async function runStack(engine: Engine, settings: StackSettings, run: StackRun): Promise<RunResult> {
  const directory = mkdtempSync(join(runsOf(settings), `${run.document.name}-`))
  try {
    return await inChild(engine, settings, run, directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function runsOf(settings: Pick<StackSettings, 'directory'>): string {
  const runs = join(settings.directory, 'runs')
  mkdirSync(runs, { recursive: true, mode: 0o700 })
  return runs
}

/** What Node keeps of the programs of a run, compiled: to read them takes longer than what most runs do. */
function compiledOf(settings: Pick<StackSettings, 'directory'>): string {
  const version = basename(dirname(import.meta.dirname))
  return join(settings.directory, 'compiled', version)
}

/** Removes what runs left that were killed, and those of other versions; none of this worker's may be under way. */
export function removeOldRuns(settings: Pick<StackSettings, 'directory'>): void {
  const compiled = compiledOf(settings)
  mkdirSync(compiled, { recursive: true, mode: 0o700 })
  for (const [folder, kept] of [
    [runsOf(settings), undefined],
    [dirname(compiled), basename(compiled)],
  ] as const)
    for (const name of readdirSync(folder).filter((one) => one !== kept))
      rmSync(join(folder, name), { recursive: true, force: true })
}

async function inChild(
  engine: Engine,
  settings: StackSettings,
  run: StackRun,
  directory: string,
): Promise<RunResult> {
  const { command, document, privateKey, hostKey, recover, refresh, handRunsAfter, forsake = false } = run
  const state = settings.state()
  const child = fork(join(import.meta.dirname, 'runner.ts'), {
    ...{ cwd: directory, detached: true },
    env: {
      ...engineEnvironment(engine, state, join(directory, 'home'), join(settings.directory, 'plugins')),
      ...cloudEnvironment(settings.cloud),
      // What the engine's SDK writes on its way goes with the run, also where it is killed.
      ...{
        HOME: directory,
        TMPDIR: directory,
        GOMEMLIMIT: GO_LIMIT,
        NODE_OPTIONS: `--max-old-space-size=${JS_LIMIT_MB}`,
        NODE_COMPILE_CACHE: compiledOf(settings),
      },
    },
    ...{
      execPath: '/usr/bin/prlimit',
      execArgv: [`--data=${DATA_LIMIT}`, process.execPath, '--no-warnings'],
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const request: RunnerRequest = {
    ...{ command, document, recover, refresh, forsake, handRunsAfter, directory },
    backendUrl: state.backendUrl,
    secretsProvider: state.secretsProvider ?? PASSPHRASE,
    privateKey: privateKey.reveal(),
    hostKey: hostKey?.reveal() ?? null,
    providerDirectory: join(import.meta.dirname, 'provider', 'bin'),
  }
  child.send(request)
  return await ended(child, run)
}

const cloudEnvironment = (cloud: CloudAccess | undefined): Record<string, string> => ({
  ...(cloud ? { HCLOUD_TOKEN: cloud.token.reveal() } : {}),
  ...(cloud?.endpoint === undefined ? {} : { HCLOUD_ENDPOINT: cloud.endpoint }),
})

function ended(child: ChildProcess, { deadlineMs, onStep }: StackRun): Promise<RunResult> {
  let late = false
  let said = ''
  let outcome: RunResult | undefined
  let asked: StackFailure | undefined
  const hear = (chunk: Buffer): void => {
    said = `${said}${chunk.toString('utf8')}`.slice(-20_000)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  child.on('message', (message: RunnerMessage) => {
    if (message.type === 'step') onStep(message.step)
    else if (message.type === 'result') outcome = message.result
    else if (message.cloud) asked = { kind: message.cloud, message: message.text }
    else hear(Buffer.from(`\n${message.text}`))
  })
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGTERM')
    setTimeout(() => endGroup(child), GRACE_MS).unref()
  }, deadlineMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      clearTimeout(timer)
      // Nothing of a run outlives it: a provider would go on changing the host.
      endGroup(child)
      if (outcome && !late) resolve(outcome)
      else reject(new StackError(late ? deadlinePassed(deadlineMs) : (asked ?? explainFailure(said))))
    })
  })
}

const deadlinePassed = (deadlineMs: number): StackFailure => ({
  kind: 'deadline',
  message: `The stack operation did not end within ${Math.round(deadlineMs / 1000)} s and was stopped.`,
})

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // They have all ended.
  }
}
