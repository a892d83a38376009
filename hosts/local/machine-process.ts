import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'

/** The processes that make a machine run, as they are found now. */
export interface MachineProcesses {
  /** The nspawn process that keeps the machine. */
  supervisor: number | undefined
  /** Process 1 of the machine. */
  init: number | undefined
  /** Both are there, and neither is about to end. */
  whole: boolean
}

/**
 * Finds a machine's processes by what they are: the nspawn of this root tree, and the first process of a PID
 * namespace whose root directory is this very tree. Process ids in files may long belong to somebody else.
 */
export function findProcesses(root: string): MachineProcesses {
  const tree = statSync(root, { bigint: true, throwIfNoEntry: false })
  const supervisor = processes().find((pid) => quietly(() => supervisedRoot(pid)) === root)
  const isInit = (pid: number): boolean => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    if (!/^NSpid:\t\d+\t1$/m.test(status)) return false
    if (supervisor && status.includes(`\nPPid:\t${supervisor}\n`)) return true
    const own = statSync(`/proc/${pid}/root/.`, { bigint: true })
    return own.dev === tree?.dev && own.ino === tree.ino
  }
  const init = processes().find((pid) => quietly(() => isInit(pid)))
  const whole = [supervisor, init].every((pid) => pid !== undefined && quietly(() => isEnding(pid)) === false)
  return { supervisor, init, whole }
}

const EXITING = 4
const KILLED = 1n << 8n

// The end of a machine's first process takes as long as the end of all others; they answer until then.
function isEnding(pid: number): boolean {
  const flags = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[6]
  const pending = [...readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(?:SigPnd|ShdPnd):\t(\w+)$/gm)]
  return (Number(flags) & EXITING) !== 0 || pending.some(([, set]) => (BigInt(`0x${set}`) & KILLED) !== 0n)
}

/** The root trees below a folder for which an nspawn process runs, whether the tree is still there or not. */
export const supervisedRoots = (directory: string): string[] =>
  processes()
    .flatMap((pid) => quietly(() => supervisedRoot(pid)) ?? [])
    .filter((root) => root.startsWith(`${directory}/`))

const processes = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid))

// A process that ends while it is looked at is nobody's.
function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

const DIRECTORY = '--directory='

function supervisedRoot(pid: number): string | undefined {
  const argument = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    .split('\0')
    .find((one) => one.startsWith(DIRECTORY))
  // A package upgrade under a running process adds ' (deleted)' to the name.
  const isNspawn = argument && basename(readlinkSync(`/proc/${pid}/exe`)).split(' ')[0] === 'systemd-nspawn'
  return isNspawn ? argument.slice(DIRECTORY.length) : undefined
}
