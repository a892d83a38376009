import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Secret } from '../common/secret.ts'
import type { HostDocument } from './document.ts'
import type { Engine } from './engine.ts'
import { explainFailure, type StackFailure } from './failures.ts'
import type { ChangeSummary, RunnerMessage, RunnerRequest, StackCommand, StackStep } from './protocol.ts'

/** Where stacks of this worker are kept and run. */
export interface StackSettings {
  /** Of the state: `postgres://…`, `file://…` or `s3://…`. */
  backendUrl: string
  /** Of the passphrase that secrets in the state are encrypted with. */
  passphraseFile: string
  /** A folder of this worker's own; each run gets one of its own in it. */
  directory: string
}

export interface StackRun {
  command: StackCommand
  document: HostDocument
  privateKey: Secret
  recover: boolean
  refresh: boolean
  deadlineMs: number
  onStep: (step: StackStep) => void
}

export class StackError extends Error {
  override readonly name = 'StackError'
  readonly failure: StackFailure

  constructor(failure: StackFailure) {
    super(failure.message)
    this.failure = failure
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
export async function runStack(
  engine: Engine,
  settings: StackSettings,
  run: StackRun,
): Promise<ChangeSummary> {
  const directory = mkdtempSync(join(runsOf(settings), `${run.document.name}-`))
  try {
    linkPlugins(engine, settings, directory)
    return await inChild(engine, settings, run, directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function runsOf(settings: StackSettings): string {
  const runs = join(settings.directory, 'runs')
  mkdirSync(runs, { recursive: true, mode: 0o700 })
  return runs
}

/** Removes what runs left that were killed; none of this worker's may be under way. */
export function removeOldRuns(settings: StackSettings): void {
  for (const name of readdirSync(runsOf(settings)))
    rmSync(join(runsOf(settings), name), { recursive: true, force: true })
}

/** A home for each run, because the engine writes into it; providers that it fetches are kept. */
function linkPlugins(engine: Engine, settings: StackSettings, directory: string): void {
  const fetched = join(settings.directory, 'plugins')
  mkdirSync(fetched, { recursive: true })
  mkdirSync(join(directory, 'home'))
  symlinkSync(engine.plugins ?? fetched, join(directory, 'home', 'plugins'))
}

function environmentOf(engine: Engine, settings: StackSettings, directory: string): Record<string, string> {
  return {
    PATH: [engine.bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':'),
    HOME: directory,
    PULUMI_HOME: join(directory, 'home'),
    PULUMI_BACKEND_URL: settings.backendUrl,
    PULUMI_CONFIG_PASSPHRASE_FILE: settings.passphraseFile,
    ...engineEnvironment(engine),
    GOMEMLIMIT: GO_LIMIT,
    NODE_OPTIONS: `--max-old-space-size=${JS_LIMIT_MB}`,
  }
}

/** What every call of the engine is to know, also by hand. */
export const engineEnvironment = ({ plugins }: Pick<Engine, 'plugins'>): Record<string, string> => ({
  PULUMI_SKIP_UPDATE_CHECK: 'true',
  // Another folder has no settings of the stack: what encrypts its secrets is known from its state.
  PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
  PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
  PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: 'true',
  PULUMI_LOG_ROTATION_MAX_AGE_DAYS: '1',
  PULUMI_LOG_ROTATION_MAX_TOTAL_MB: '100',
  ...(plugins === null ? {} : { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true' }),
})

async function inChild(
  engine: Engine,
  settings: StackSettings,
  run: StackRun,
  directory: string,
): Promise<ChangeSummary> {
  const { command, document, privateKey, recover, refresh } = run
  const child = fork(join(import.meta.dirname, 'runner.ts'), {
    ...{ cwd: directory, env: environmentOf(engine, settings, directory), detached: true },
    ...{
      execPath: '/usr/bin/prlimit',
      execArgv: [`--data=${DATA_LIMIT}`, process.execPath, '--no-warnings'],
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const request: RunnerRequest = {
    ...{ command, document, recover, refresh, directory, backendUrl: settings.backendUrl },
    privateKey: privateKey.reveal(),
    providerDirectory: join(import.meta.dirname, 'provider', 'bin'),
  }
  child.send(request)
  return await ended(child, run)
}

function ended(child: ChildProcess, { deadlineMs, onStep }: StackRun): Promise<ChangeSummary> {
  let late = false
  let said = ''
  let outcome: ChangeSummary | undefined
  const hear = (chunk: Buffer): void => {
    said = `${said}${chunk.toString('utf8')}`.slice(-20_000)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  child.on('message', (message: RunnerMessage) => {
    if (message.type === 'step') onStep(message.step)
    else if (message.type === 'result') outcome = message.changes
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
      else reject(new StackError(late ? deadlinePassed(deadlineMs) : explainFailure(said)))
    })
  })
}

const deadlinePassed = (deadlineMs: number): StackFailure => ({
  ...{ kind: 'deadline', mayPass: true },
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
