import { spawn } from 'node:child_process'
import { basename } from 'node:path'

export interface RunOptions {
  /** Text for standard input; none by default. */
  input?: string
  /** Milliseconds until the command is killed; one minute by default. */
  deadlineMs?: number
  /** The command dies when this process dies, even by SIGKILL. */
  tied?: boolean
  env?: Record<string, string>
}

export interface RunResult {
  code: number
  stdout: string
  stderr: string
}

type Argv = readonly [string, ...string[]]

const PACKAGES: Record<string, string> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  nft: 'nftables',
  ip: 'iproute2',
  'ssh-keygen': 'openssh-client',
}

// A caller's own environment may lack the sbin folders and may translate messages that are parsed here.
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  HOME: '/root',
}

/** A command ended with another code than 0; the message has the command and the end of what it said. */
class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: number
  readonly stderr: string

  constructor(argv: Argv, result: RunResult) {
    const said = tail(result.stderr.trim() || result.stdout.trim(), 1500)
    super(`${shown(argv)} ended with code ${result.code}${said && `: ${said}`}`)
    this.code = result.code
    this.stderr = result.stderr
  }
}

/** The last `length` characters of a text, cut at a line's start where there is one. */
export function tail(text: string, length: number): string {
  if (text.length <= length) return text
  const end = text.slice(-length)
  return end.slice(end.indexOf('\n') + 1)
}

const shown = (argv: Argv): string => tail(argv.join(' ').slice(0, 300), 300)

/**
 * Runs a command to its end, whatever its code.
 * @throws when it cannot be started or its deadline passes
 */
export function attempt(argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  const [program, ...rest] = options.tied ? (['setpriv', '--pdeathsig', 'KILL', ...argv] as const) : argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { env: { ...ENVIRONMENT, ...options.env } })
    const deadline = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${shown(argv)} did not end within ${options.deadlineMs ?? 60_000} ms`))
    }, options.deadlineMs ?? 60_000)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (data: Buffer) => stdout.push(data))
    child.stderr.on('data', (data: Buffer) => stderr.push(data))
    // A command that ends without reading its input is judged by its code alone.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.on('error', (error) => {
      clearTimeout(deadline)
      reject(startError(program, error))
    })
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      if (code === null) return reject(new Error(`${shown(argv)} was ended by ${signal}`))
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
}

function startError(program: string, error: Error): Error {
  if (!('code' in error) || error.code !== 'ENOENT') return error
  const wanted = PACKAGES[basename(program)]
  return new Error(`${program} is not installed${wanted ? `: apt-get install ${wanted}` : ''}`, {
    cause: error,
  })
}

/**
 * Runs a command and gives its standard output.
 * @throws {CommandError} when it ends with another code than 0
 */
export async function run(argv: Argv, options: RunOptions = {}): Promise<string> {
  const result = await attempt(argv, options)
  if (result.code !== 0) throw new CommandError(argv, result)
  return result.stdout
}
