import { LAYOUT } from './layout.ts'

/** A line for the shell of a host, and what to call it in messages. Secrets never stand in either. */
export interface Command {
  readonly text: string
  readonly title: string
}

type Argument = string | number | readonly (string | number)[]

const LONGEST_TITLE = 100
/** Exit code of `locked` when another change held the lock of the host all the time. */
export const LOCK_BUSY = 75
/** Exit code of `locked` when the command did not end in its time. */
export const OUT_OF_TIME = 124

/**
 * A command whose every interpolation is one quoted argument; an array is several.
 * @throws when a value holds a control character
 */
export function sh(parts: TemplateStringsArray, ...values: Argument[]): Command {
  const text = parts
    .map((part, index) => part + (index < values.length ? quoteAll(values[index]) : ''))
    .join('')
  return { text, title: titleOf(text) }
}

/**
 * A shell script that ends at its first failing command; its arguments arrive as `$1`, `$2`, ….
 * @param title what messages call it
 */
export function script(title: string, text: string, ...args: (string | number)[]): Command {
  const words = ['bash', '-euo', 'pipefail', '-c', quoteScript(text), 'dbhost', ...args.map(quote)]
  return { text: words.join(' '), title }
}

/**
 * The command under the lock that every change on a host takes. The lock ends with the command, which has
 * `seconds` from when it got the lock; it waits at most 10 s for it.
 */
export function locked(command: Command, seconds = 10): Command {
  const limit = `timeout --kill-after=2 ${seconds} bash -c ${quoteScript(command.text)}`
  return {
    // Not inherited (-o), or a daemon that the command starts would hold the lock for good.
    text: `flock --conflict-exit-code ${LOCK_BUSY} --wait 10 --close ${LAYOUT.lock} ${limit}`,
    title: command.title,
  }
}

/** The command run as root by another user who may use sudo without a password. */
export function asRoot(command: Command): Command {
  return { text: `sudo -n -- bash -c ${quoteScript(command.text)}`, title: command.title }
}

function quoteAll(value: Argument | undefined): string {
  return Array.isArray(value) ? value.map(quote).join(' ') : quote(value as string | number)
}

function quote(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') throw new TypeError('an argument for a shell must be text or a number')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not pass
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new Error('an argument for a shell holds a control character')
  return quoteScript(text)
}

function quoteScript(text: string): string {
  if (text.includes('\0')) throw new Error('a script for a shell holds a zero byte')
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function titleOf(text: string): string {
  const line = text.trim()
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line
}
