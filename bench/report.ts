import type { Tenancy } from '../hosts/host-spec.ts'
import type { Comparison, CreateFigures } from './create.ts'
import type { MemoryFigures } from './memory.ts'
import type { Throughput } from './throughput.ts'

export interface Result {
  measuredAt: string
  machine: { cpus: number; model: string; rounds: number }
  start: { coldSeconds: number; imageAbsent: boolean; warmSeconds: number }
  throughput: Record<Tenancy, Throughput>
  creates: CreateFigures[]
  converge: { oneDatabaseMs: number; allDatabasesMs: number }
  memory: { before: MemoryFigures; after: MemoryFigures }
}

const row = (...cells: (string | number)[]): string => `| ${cells.join(' | ')} |\n`
const mib = (kib: number): string => `${(kib / 1024).toFixed(1)} MiB`
const cells = ({ floorMs, createMs, ratio }: Comparison): [number, number, string] => [
  ...([floorMs, createMs] as [number, number]),
  ratio.toFixed(2),
]

const tenancies: readonly Tenancy[] = ['shared', 'dedicated']

/** The figures as a page. Ratios are of one run; single times are as noisy as the machine. */
export function renderTable({
  measuredAt,
  machine,
  start,
  throughput,
  creates,
  converge,
  memory,
}: Result): string {
  const first = creates[0]
  const last = creates.at(-1)
  const growth = first && last ? (last.sameAddress.createMs / first.sameAddress.createMs).toFixed(2) : '-'
  const most = last?.databases ?? 1
  const perDatabase = (memory.after.poolerKiB - memory.before.poolerKiB) / Math.max(1, most)
  return [
    `Measured ${measuredAt} on ${machine.cpus} cores (${machine.model}), medians of ${machine.rounds} rounds.\n\n`,
    'Create: `POST` until `select 1` by a fresh login over verified TLS, against the floor: the same SQL, files,\n',
    'trial, reload and read-back as one script over a warm SSH connection, then the same login. Milliseconds.\n\n',
    row('databases', 'floor', 'create', 'ratio', 'floor, new address', 'create, new address', 'ratio'),
    row('---', '---', '---', '---', '---', '---', '---'),
    ...creates.map((at) => row(at.databases, ...cells(at.sameAddress), ...cells(at.newAddress))),
    `\nThe last against the first create: ${growth}.\n\n`,
    row('what', 'figure'),
    row('---', '---'),
    row(`npm start, image ${start.imageAbsent ? 'absent' : 'cached'}`, `${start.coldSeconds.toFixed(1)} s`),
    row('npm start, warm', `${start.warmSeconds.toFixed(1)} s`),
    row('converge without a change, 1 database', `${converge.oneDatabaseMs} ms`),
    row(`converge without a change, ${most} databases`, `${converge.allDatabasesMs} ms`),
    ...tenancies.flatMap((tenancy) => [
      row(`pgbench through 6432, ${tenancy}, writes`, `${throughput[tenancy].writes} a second`),
      row(`pgbench through 6432, ${tenancy}, reads`, `${throughput[tenancy].reads} a second`),
    ]),
    row('idle instance', mib(memory.before.instanceKiB)),
    row('pool, 1 database', mib(memory.before.poolerKiB)),
    row('pool, each further database', `${perDatabase.toFixed(1)} KiB`),
    row('server, before and after', `${mib(memory.before.server)}, ${mib(memory.after.server)}`),
    row('worker, before and after', `${mib(memory.before.worker)}, ${mib(memory.after.worker)}`),
  ].join('')
}

/** What came between two results of one machine costs, as cost after / cost before: above 1 is dearer. */
export function renderComparison(before: Result, after: Result): string {
  const line = (what: string, one: number, other: number, ratio: number): string =>
    row(what, Math.round(one), Math.round(other), ratio.toFixed(2))
  const cost = (what: string, of: (result: Result) => number): string =>
    line(what, of(before), of(after), of(after) / of(before))
  const rate = (what: string, of: (result: Result) => number): string =>
    line(what, of(before), of(after), of(before) / of(after))
  return [
    `\nAgainst the result of ${before.measuredAt}: cost after / cost before.\n\n`,
    row('what', 'before', 'after', 'ratio'),
    row('---', '---', '---', '---'),
    ...after.creates.flatMap(({ databases, sameAddress: { createMs } }) => {
      const earlier = before.creates.find((at) => at.databases === databases)?.sameAddress.createMs
      if (earlier === undefined) return []
      return [line(`create at ${databases} databases, ms`, earlier, createMs, createMs / earlier)]
    }),
    ...tenancies.flatMap((tenancy) => [
      rate(`pgbench writes a second, ${tenancy}`, ({ throughput }) => throughput[tenancy].writes),
      rate(`pgbench reads a second, ${tenancy}`, ({ throughput }) => throughput[tenancy].reads),
    ]),
    cost('idle instance, KiB', ({ memory }) => memory.before.instanceKiB),
    cost('pool, KiB', ({ memory }) => memory.before.poolerKiB),
    cost('host services, KiB', ({ memory }) => memory.before.hostKiB),
  ].join('')
}
