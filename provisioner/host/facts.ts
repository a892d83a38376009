import { templateText } from '../render.ts'
import { script } from '../shell.ts'
import type { HostConnection } from '../ssh.ts'
import type { HostWanted } from './wanted.ts'

export interface PathFacts {
  mode: number
  owner: string
  group: string
  type: 'file' | 'directory' | 'link' | 'other'
  sha256?: string
  target?: string
}

export interface UnitFacts {
  loaded: boolean
  /** `active`, `inactive`, `failed`, `activating`, …. */
  state: string
  enabled: boolean
  /** Its files changed since systemd read them. */
  stale: boolean
}

/** What was seen of a host; only of what its modules name. */
export interface HostFacts {
  paths: Map<string, PathFacts>
  units: Map<string, UnitFacts>
  /** Names of those that are installed whole. */
  packages: Set<string>
  /** By package: the first of its files that is missing. */
  lost: Map<string, string>
  users: Set<string>
  /** By step: what its probe said. */
  probes: Map<string, string>
  /** Effects that an earlier converge owes. */
  pending: Set<string>
}

/** Reads everything in one command. @throws HostError */
export async function readHostFacts(connection: HostConnection, wanted: HostWanted): Promise<HostFacts> {
  const text = await connection.run(script('read the state of the host', templateText('host/facts.sh')), {
    input: questions(wanted),
    deadlineMs: 60_000,
  })
  return parseHostFacts(text)
}

function questions({ modules }: HostWanted): string {
  const lines = modules.flatMap(({ packages, directories, files, links, sequence }) => [
    ...packages.map((name) => ['package', name]),
    ...[...directories, ...files, ...links].map(({ path }) => ['path', path]),
    ...sequence.flatMap((item) => {
      if (item.kind === 'unit') return [['unit', item.name]]
      return item.probe ? [['probe', item.name, ...item.probe.command]] : []
    }),
  ])
  const texts = new Set(lines.map((words) => words.join('\t')))
  return [...texts].map((line) => `${line}\n`).join('')
}

const TYPES: Record<string, PathFacts['type']> = {
  'regular file': 'file',
  'regular empty file': 'file',
  directory: 'directory',
  'symbolic link': 'link',
}

/** @throws where a line is of no known form: facts are never guessed */
export function parseHostFacts(text: string): HostFacts {
  const facts: HostFacts = {
    paths: new Map(),
    units: new Map(),
    packages: new Set(),
    lost: new Map(),
    users: new Set(),
    probes: new Map(),
    pending: new Set(),
  }
  let unit: UnitProperties = {}
  for (const line of text.split('\n')) {
    const [kind, first = '', second = '', third = '', fourth = '', fifth = ''] = line.split('\t')
    const path = facts.paths.get(first)
    if (kind === 'path') {
      facts.paths.set(first, {
        mode: Number.parseInt(second, 8),
        owner: third,
        group: fourth,
        type: TYPES[fifth] ?? 'other',
      })
    } else if (kind === 'sha256') {
      if (path) path.sha256 = second
    } else if (kind === 'link') {
      if (path) path.target = second
    } else if (kind === 'unit') {
      const at = first.indexOf('=')
      if (at < 0) unit = {}
      else unit = { ...unit, [first.slice(0, at)]: first.slice(at + 1) }
      // Kept at each line, because the order of the properties is systemd's.
      if (unit.Id !== undefined) facts.units.set(unit.Id, unitFacts(unit))
    } else if (kind === 'package') {
      if (second.startsWith('ii')) facts.packages.add(first)
    } else if (kind === 'lost') {
      if (!facts.lost.has(first)) facts.lost.set(first, second)
    } else if (kind === 'user') facts.users.add(first)
    else if (kind === 'probe') facts.probes.set(first, second)
    else if (kind === 'pending') facts.pending.add(first)
    else if (line !== '') throw new Error(`the host printed a fact of no known form: ${line.slice(0, 200)}`)
  }
  return facts
}

type UnitProperties = Partial<
  Record<'Id' | 'LoadState' | 'ActiveState' | 'UnitFileState' | 'NeedDaemonReload', string>
>

const unitFacts = (properties: UnitProperties): UnitFacts => ({
  loaded: properties.LoadState === 'loaded',
  state: properties.ActiveState ?? 'unknown',
  enabled: /^(enabled|static|indirect|generated)$/.test(properties.UnitFileState ?? ''),
  stale: properties.NeedDaemonReload === 'yes',
})
