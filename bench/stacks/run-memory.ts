import { readdirSync, readFileSync } from 'node:fs'
import { basename, normalize } from 'node:path'

/** Peaks in KiB, each of its own moment: of all processes of a run together, and by their names. */
export interface RunMemory {
  all: number
  byName: Record<string, number>
}

const SAMPLE_MS = 50

/**
 * What the run that this action starts takes in all of its processes, whatever their groups: the engine gives providers
 * their own.
 */
export async function measureRunMemory(action: () => Promise<unknown>): Promise<RunMemory> {
  const memory: RunMemory = { all: 0, byName: {} }
  const timer = setInterval(() => sample(memory), SAMPLE_MS)
  try {
    await action()
  } finally {
    clearInterval(timer)
  }
  return memory
}

function sample(memory: RunMemory): void {
  const now = new Map<string, number>()
  for (const pid of processesOfRun()) {
    const name = nameOf(pid)
    if (name !== undefined) now.set(name, (now.get(name) ?? 0) + residentOf(pid))
  }
  for (const [name, kib] of now) memory.byName[name] = Math.max(memory.byName[name] ?? 0, kib)
  const all = [...now.values()].reduce((sum, kib) => sum + kib, 0)
  memory.all = Math.max(memory.all, all)
}

/** A runner that this process started, and all below it. */
function processesOfRun(): number[] {
  const children = new Map<number, number[]>()
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    const parent = parentOf(pid)
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  // One that still bears its parent's command line is about to become something else, and shares its memory.
  const isItself = (child: number, pid: number): boolean => read(child, 'cmdline') !== read(pid, 'cmdline')
  const childrenOf = (pid: number): number[] =>
    (children.get(pid) ?? []).filter((child) => isItself(child, pid))
  const withBelow = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(withBelow)]
  const started = children.get(process.pid) ?? []
  return started.filter((pid) => read(pid, 'cmdline')?.includes('runner.ts')).flatMap(withBelow)
}

/** The text of a file of a process; undefined where that has ended or may not be asked. */
function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

function parentOf(pid: number): number | undefined {
  const stat = read(pid, 'stat')
  // The name in parentheses may hold anything.
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** The program, or what it runs by Node: `pulumi`, `stacks/runner.ts`. */
function nameOf(pid: number): string | undefined {
  const [program = '', ...args] = read(pid, 'cmdline')?.split('\0') ?? []
  if (program === '') return undefined
  const script = args.find((arg) => /\.[jt]s$/.test(arg))
  return script ? normalize(script).split('/').slice(-2).join('/') : basename(program)
}

/** KiB: its proportional share, or all that it has in memory where that cannot be read. */
function residentOf(pid: number): number {
  const share = /^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup') ?? '')?.[1]
  return Number(share ?? /^VmRSS:\s+(\d+)/m.exec(read(pid, 'status') ?? '')?.[1] ?? 0)
}
