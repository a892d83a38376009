import { Readable } from 'node:stream'
import type { NodeSSH, SSHExecCommandResponse } from 'node-ssh'
import { messageOf } from '../common/errors.ts'
import { CHANNELS, ChannelPlaces, whereChannelsAreFree } from './channels.ts'
import { HostError } from './host-error.ts'
import { LineSplitter } from './line-splitter.ts'
import { asRoot, type Command, LOCK_BUSY, OUT_OF_TIME } from './shell.ts'

const RUN_DEADLINE_MS = 30_000
const STDERR_TAIL = 2000

export interface RunOptions {
  /** Standard input; never logged, so secrets travel here. */
  input?: string | Buffer
  /** From when a channel is free; 30 s where not given. */
  deadlineMs?: number
  /** Called for each line of standard output as it arrives. */
  onLine?: (line: string) => void
}

/** A warm connection to a host. Made by `connectHost`. */
export class HostConnection {
  readonly #ssh: NodeSSH
  readonly #root: boolean
  readonly #channels = new ChannelPlaces()
  /** This end's address, as the host sees it where nothing translates in between. */
  readonly localAddress: string

  /** Another connection to the same host, which begins now. @throws HostError as `connectHost` does */
  readonly reopen: () => Promise<HostConnection>

  constructor(
    ssh: NodeSSH,
    known: { root: boolean; localAddress: string; reopen: () => Promise<HostConnection> },
  ) {
    this.#ssh = ssh
    this.#root = known.root
    this.localAddress = known.localAddress
    this.reopen = known.reopen
    // Commands that are under way learn of a lost connection by the end of their channel.
    ssh.connection?.on('error', () => {})
    ssh.connection?.setMaxListeners(CHANNELS * 3)
  }

  get alive(): boolean {
    return this.#ssh.isConnected()
  }

  /** Ends the connection at once; commands that are under way are told that their outcome is unknown. */
  close(): void {
    this.#ssh.connection?.destroy()
    this.#ssh.dispose()
  }

  /**
   * Runs a command as root.
   * @returns its standard output
   * @throws HostError of kind exit, unknown, timeout (which closes the connection) or unreachable
   */
  async run(command: Command, options: RunOptions = {}): Promise<string> {
    await this.#channels.enter()
    try {
      if (!this.alive) {
        throw new HostError(
          'unreachable',
          `The connection to the host is closed; "${command.title}" did not start.`,
        )
      }
      return await this.#execute(command, options)
    } finally {
      this.#channels.leave()
    }
  }

  async #execute(command: Command, options: RunOptions): Promise<string> {
    const chunks: Buffer[] = []
    const lines = options.onLine ? new LineSplitter(options.onLine) : undefined
    const { input } = options
    const { text } = this.#root ? command : asRoot(command)
    const start = (): Promise<SSHExecCommandResponse> =>
      this.#ssh.execCommand(text, {
        noTrim: true,
        ...(input !== undefined && { stdin: Buffer.isBuffer(input) ? Readable.from([input]) : input }),
        onStdout: (chunk) => {
          chunks.push(chunk)
          lines?.push(chunk)
        },
      })
    const result = await this.#withDeadline(
      command,
      options.deadlineMs ?? RUN_DEADLINE_MS,
      whereChannelsAreFree(start),
    )
    lines?.end()
    if (result.code === 0) return Buffer.concat(chunks).toString('utf8')
    throw failure(command, result)
  }

  async #withDeadline<T>(command: Command, deadlineMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new HostError(
            'timeout',
            `"${command.title}" did not end within ${deadlineMs} ms; its outcome is unknown.`,
          ),
        )
        this.close()
      }, deadlineMs)
    })
    try {
      return await Promise.race([work, late])
    } catch (error) {
      if (error instanceof HostError) throw error
      throw new HostError(
        'unreachable',
        `The host refused to start "${command.title}": ${messageOf(error)}.`,
        {
          cause: error,
        },
      )
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What a command that did not end well is told as. */
export function failure({ title }: Command, { code, signal, stderr }: SSHExecCommandResponse): HostError {
  const tail = stderr.trim().slice(-STDERR_TAIL)
  const said = tail === '' ? '' : `: ${tail}`
  // A connection that dies ends its channels without a code, just as a kill does.
  if (code === null) {
    const cause = signal ? `was ended by ${signal}` : 'lost its connection'
    return new HostError('unknown', `"${title}" ${cause}; whether it took effect is unknown${said}`, {
      stderr: tail,
    })
  }
  return new HostError('exit', `"${title}" failed with code ${code}${meaning(code)}${said}`, {
    code,
    stderr: tail,
  })
}

function meaning(code: number): string {
  if (code === LOCK_BUSY) return ' (another change may hold the lock of this host)'
  if (code === OUT_OF_TIME) return ' (it did not end in its time)'
  return ''
}
