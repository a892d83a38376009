import type { ManagedCreates } from './creates.ts'
import type { EdgeUpdate } from './edge-update.ts'
import type { Refreshes } from './refreshes.ts'
import type { RunMemory } from './run-memory.ts'

export interface StackResult {
  measuredAt: string
  /** `load`: of the minute before the first and before the last figure. */
  machine: { cpus: number; model: string; rounds: number; load: [number, number] }
  engine: string
  edgeUpdate: EdgeUpdate
  memory: { bare: RunMemory; edge: RunMemory; bought: RunMemory }
  refreshes: Refreshes[]
  creates: { local: ManagedCreates; bought: ManagedCreates }
}

const row = (...cells: (string | number)[]): string => `| ${cells.join(' | ')} |\n`
const ms = (value: number | null): string => (value === null ? '-' : String(Math.round(value)))

/** The figures as a page. Ratios are of one run; single times are as noisy as the machine. */
export function renderStacks({
  measuredAt,
  machine,
  engine,
  edgeUpdate,
  memory,
  refreshes,
  creates,
}: StackResult): string {
  const { cpus, model, rounds, load } = machine
  const loads = load.map((value) => value.toFixed(1)).join(' and ')
  return [
    `Measured ${measuredAt} on ${cpus} cores (${model}), load ${loads}, medians of ${rounds} rounds, ${engine}.\n\n`,
    ...edgeSection(edgeUpdate),
    ...memorySection(memory),
    ...refreshSection(refreshes),
    'Create for a new address: `POST` until `select 1` by a fresh login, against the floor of `npm run bench` and, on a\n',
    'bought host (an emulated cloud with machines of this computer), one update of its stack. Milliseconds.\n\n',
    row('host', 'floor', 'update', 'create', 'ratio'),
    row('---', '---', '---', '---', '---'),
    ...Object.entries(creates).map(([host, { floorMs, updateMs, createMs, ratio }]) =>
      row(host, ms(floorMs), ms(updateMs), ms(createMs), ratio.toFixed(2)),
    ),
  ].join('')
}

function edgeSection({ bareMs, updateMs, ratio, byHandMs, parts }: EdgeUpdate): string[] {
  return [
    'One allowlist rule more by the gateway, against the engine running an empty program in the same way, on the same\n',
    'state. Milliseconds.\n\n',
    row('what', 'ms'),
    row('---', '---'),
    row('empty program', ms(bareMs)),
    row('empty program, by `pulumi up`', ms(byHandMs)),
    row('one rule more', ms(updateMs)),
    row('of it until the provider begins', ms(parts.before)),
    row('of it on the host', ms(parts.step)),
    row('of it afterwards', ms(parts.after)),
    row('**ratio to the empty program**', ratio.toFixed(2)),
    '\n',
  ]
}

function memorySection(memory: StackResult['memory']): string[] {
  const line = (what: string, { all, byName }: RunMemory): string => {
    const names = Object.entries(byName).toSorted(([, one], [, other]) => other - one)
    return row(what, mib(all), names.map(([name, kib]) => `${name} ${mib(kib)}`).join(', '))
  }
  return [
    'Memory of one stack operation: peak of all of its processes together, and of each by itself (PSS, MiB).\n\n',
    row('update', 'all', 'each'),
    row('---', '---', '---'),
    line('empty program', memory.bare),
    line('one rule more, local host', memory.edge),
    line('one rule more, bought host', memory.bought),
    '\n',
  ]
}

const mib = (kib: number): string => (kib / 1024).toFixed(0)

function refreshSection(refreshes: Refreshes[]): string[] {
  const one = refreshes.find(({ hosts }) => hosts === 1)?.seconds ?? 0
  return [
    'Refresh with nothing to change, two at once. The hosts are stacks of their own that share two booted machines.\n\n',
    row('hosts', 'runs', 'seconds', 'seconds a host', 'a host against 1 host'),
    row('---', '---', '---', '---', '---'),
    ...refreshes.map(({ hosts, runs, seconds }) =>
      row(hosts, runs, seconds.toFixed(1), (seconds / hosts).toFixed(2), (seconds / hosts / one).toFixed(2)),
    ),
    '\n',
  ]
}
