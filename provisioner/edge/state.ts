import type { HostFacts, UnitFacts } from '../host/facts.ts'
import { octal, sha256 } from '../host/plan.ts'
import type { HostModule, ManagedFile } from '../host/resources.ts'

/** A file as a stack keeps it: so that a change of it can be read. */
export interface EdgeFile {
  content: string
  /** Four octal digits. */
  mode: string
  /** `user:group` */
  owner: string
}

/** One part of the edge, as it is or as it must be; the same for the same module. */
export interface EdgeState {
  /** By path; one that is missing is not there. */
  files: Record<string, EdgeFile>
  /** SHA-256 of our scripts, by path. */
  scripts: Record<string, string>
  /** `active, enabled`, by name. */
  units: Record<string, string>
  /** What the probe of each step says, by its name. */
  steps: Record<string, string>
  /** Names of those that are installed whole. */
  packages: string[]
}

const isScript = ({ early }: ManagedFile): boolean => early === true
const unitText = (state: string, enabled: boolean): string => `${state}, ${enabled ? 'enabled' : 'disabled'}`

/** The state of a host on which everything is as this module wants it. */
export function wantedState({ files, sequence, packages }: HostModule): EdgeState {
  const compared = files.filter(({ seed }) => !seed)
  const units = sequence.filter((item) => item.kind === 'unit')
  const probes = sequence.flatMap((item) => (item.kind === 'step' && item.probe ? [item] : []))
  return {
    files: Object.fromEntries(
      compared
        .filter((file) => !isScript(file))
        .map(({ path, content, mode, owner, group }) => [
          path,
          { content, mode: octal(mode), owner: `${owner}:${group}` },
        ]),
    ),
    scripts: Object.fromEntries(
      compared.filter(isScript).map(({ path, content }) => [path, sha256(content)]),
    ),
    units: Object.fromEntries(units.map(({ name }) => [name, unitText('active', true)])),
    steps: Object.fromEntries(probes.map(({ name, probe }) => [name, probe?.wanted ?? ''])),
    packages: packages.toSorted(),
  }
}

/** Paths of those files whose content a reader of the state would want to see: other than the wanted one. */
export function differingFiles({ files }: HostModule, facts: HostFacts): string[] {
  return files
    .filter((file) => !file.seed && !isScript(file))
    .filter(({ path, content }) => {
      const found = facts.paths.get(path)
      return found?.type === 'file' && found.sha256 !== sha256(content)
    })
    .map(({ path }) => path)
}

/**
 * The state as it was seen.
 * @param contents of the files that differ, by path
 * @param explained what the probe of a step left unsaid, by the name of the step
 */
export function observedState(
  module: HostModule,
  facts: HostFacts,
  contents: ReadonlyMap<string, string>,
  explained: ReadonlyMap<string, string>,
): EdgeState {
  const wanted = wantedState(module)
  const seen = <T>(names: string[], look: (name: string) => T | undefined): Record<string, T> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = look(name)
        return value === undefined ? [] : [[name, value] as const]
      }),
    )
  return {
    files: seen(Object.keys(wanted.files), (path) => fileOf(path, module, facts, contents)),
    scripts: seen(Object.keys(wanted.scripts), (path) => facts.paths.get(path)?.sha256),
    units: seen(Object.keys(wanted.units), (name) => unitOf(facts.units.get(name))),
    steps: seen(Object.keys(wanted.steps), (name) =>
      [facts.probes.get(name) ?? 'unknown', explained.get(name)].filter(Boolean).join('\n'),
    ),
    packages: wanted.packages.filter((name) => facts.packages.has(name) && !facts.lost.has(name)),
  }
}

function fileOf(
  path: string,
  { files }: HostModule,
  facts: HostFacts,
  contents: ReadonlyMap<string, string>,
): EdgeFile | undefined {
  const found = facts.paths.get(path)
  if (!found) return undefined
  const wanted = files.find((file) => file.path === path)?.content ?? ''
  const other = found.type === 'file' ? contents.get(path) : `(a ${found.type})`
  return { content: other ?? wanted, mode: octal(found.mode), owner: `${found.owner}:${found.group}` }
}

const unitOf = (unit: UnitFacts | undefined): string | undefined =>
  unit?.loaded ? unitText(unit.state, unit.enabled) : undefined

/** Tells one edge from another: 16 hexadecimal digits over everything that it must be. */
export const edgeDigest = (modules: readonly HostModule[]): string =>
  sha256(JSON.stringify(modules.map(wantedState))).slice(0, 16)
