import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLog, trimLog } from './log-file.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 3_000
/** Who ran this long was well: the next pause is short again. */
const STABLE_MS = 30_000
/** So many ends in a row before it was ever ready are no accident. */
const HOPELESS = 5
const LOG_CHECK_MS = 30_000

/** A program that must run as long as the installation does. */
export interface Program {
  name: string
  /** Absolute path and arguments. */
  command: readonly [string, ...string[]]
  directory: string
  uid: number
  gid: number
  /** All of its environment, asked anew for each start. */
  environment: () => Record<string, string>
  logFile: string
  /** Resolves when it serves. */
  ready: (child: ChildProcess) => Promise<void>
  stopSignal: NodeJS.Signals
  /** How long it may wind up before it is killed, in milliseconds. */
  stopMs: number
  /** It is a Node program and talks over a channel. */
  channel: boolean
}

export interface Supervised {
  readonly name: string
  /** Resolves when it serves for the first time; rejects when it ends again and again without that. */
  readonly ready: Promise<void>
  /** Of the process that runs now. */
  readonly pid: number | undefined
  /** Ends the program in its own way; a killed one is not started again. */
  stop(): Promise<void>
  /** Cuts a wind-up short. */
  kill(): void
}

/**
 * Keeps a program running: what dies is started again, with growing pauses.
 * @param report told of each unexpected end
 */
export function supervise(program: Program, report: (text: string) => void): Supervised {
  const first = Promise.withResolvers<void>()
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  const stopping = new AbortController()
  const trimming = setInterval(() => trimLog(program.logFile), LOG_CHECK_MS)

  async function keep(): Promise<void> {
    let pause = FIRST_PAUSE_MS
    let wasReady = false
    for (let starts = 1; !stopping.signal.aborted; starts++) {
      const began = Date.now()
      child = launch(program)
      ended = once(child, 'exit').catch(() => {})
      const up = program.ready(child).then(() => {
        wasReady = true
        first.resolve()
      })
      await Promise.race([ended, up.then(() => ended)]).catch(() => ended)
      if (stopping.signal.aborted) return
      if (!wasReady && starts >= HOPELESS) {
        first.reject(new Error(`${program.name} does not start: its last words are in ${program.logFile}.`))
        return
      }
      if (Date.now() - began > STABLE_MS) pause = FIRST_PAUSE_MS
      report(`${program.name} ended (${howEnded(child)}); starting it again`)
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {})
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
  }

  const keeping = keep().finally(() => clearInterval(trimming))
  keeping.catch(first.reject)
  first.promise.catch(() => {})
  const stop = async (): Promise<void> => {
    stopping.abort()
    if (isRunning(child)) child.kill(program.stopSignal)
    const killing = setTimeout(() => child?.kill('SIGKILL'), program.stopMs)
    await Promise.all([ended, keeping])
    clearTimeout(killing)
  }
  return {
    name: program.name,
    ready: first.promise,
    get pid() {
      return isRunning(child) ? child.pid : undefined
    },
    stop,
    kill: () => child?.kill('SIGKILL'),
  }
}

/** Narrows to a process that has not ended. */
export const isRunning = (child: ChildProcess | undefined): child is ChildProcess =>
  child !== undefined && child.exitCode === null && child.signalCode === null

const howEnded = (child: ChildProcess): string =>
  child.signalCode === null ? `code ${child.exitCode}` : child.signalCode

/** A session of its own: Ctrl-C in the terminal is for the supervisor, which ends the programs in order. */
function launch(program: Program): ChildProcess {
  const log = openLog(program.logFile)
  try {
    const strict = ['--no-new-privs', '/bin/sh', '-c', 'umask 077; exec "$0" "$@"', ...program.command]
    return spawn('/usr/bin/setpriv', strict, {
      cwd: program.directory,
      detached: true,
      uid: program.uid,
      gid: program.gid,
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC', ...program.environment() },
      stdio: ['ignore', log.fd, log.fd, ...(program.channel ? (['ipc'] as const) : [])],
    })
  } finally {
    log.close()
  }
}

/** Resolves when the program says `{ready: true}` over its channel. */
export function saysReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'ready' in message) resolve()
    })
  })
}
