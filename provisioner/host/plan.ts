import { createHash } from 'node:crypto'
import type { HostFacts, PathFacts } from './facts.ts'
import { sequenceActions } from './plan-sequence.ts'
import type {
  HostModule,
  ManagedDirectory,
  ManagedFile,
  ManagedLink,
  ManagedStep,
  ManagedUnit,
  ManagedUser,
} from './resources.ts'
import type { HostWanted } from './wanted.ts'

interface ActionBase {
  /** The same for the same change in every plan. */
  id: string
  module: string
  /** What is done and why, naming the thing. */
  title: string
}

export type UnitVerb = 'start' | 'enable' | 'restart' | 'reload'

/** One change on a host, ready to be carried out. */
export type HostAction = ActionBase &
  (
    | { kind: 'packages'; install: string[]; reinstall: string[] }
    | { kind: 'user'; user: ManagedUser }
    | { kind: 'directory'; directory: ManagedDirectory }
    | { kind: 'file'; file: ManagedFile }
    | { kind: 'attributes'; file: ManagedFile | ManagedDirectory }
    | { kind: 'link'; link: ManagedLink }
    | { kind: 'step'; step: ManagedStep }
    | { kind: 'unit'; unit: ManagedUnit; verb: UnitVerb }
  )

/** Pure: what has to be done on a host, in this order. Empty where it is as wanted. */
export function planHost({ modules }: HostWanted, facts: HostFacts): HostAction[] {
  const each = (part: (module: HostModule) => HostAction[]): HostAction[] => once(modules.flatMap(part))
  const files = each((module) => module.files.flatMap((file) => fileAction(module.name, file, facts)))
  const early = (action: HostAction): boolean => action.kind === 'file' && action.file.early === true
  const before = [
    ...files.filter(early),
    ...packageActions(modules, facts),
    ...each(({ name, users }) => users.flatMap((user) => userAction(name, user, facts))),
    ...each(({ name, directories }) => directories.flatMap((one) => directoryAction(name, one, facts))),
    ...files.filter((action) => !early(action)),
    ...each(({ name, links }) => links.flatMap((link) => linkAction(name, link, facts))),
  ]
  return [...before, ...sequenceActions(modules, facts, before)]
}

/** Modules that stand by themselves may name the same thing. */
function once(actions: HostAction[]): HostAction[] {
  return [...new Map(actions.toReversed().map((action) => [action.id, action])).values()].toReversed()
}

function packageActions(modules: readonly HostModule[], facts: HostFacts): HostAction[] {
  const wanted = [...new Set(modules.flatMap((module) => module.packages))]
  const install = wanted.filter((name) => !facts.packages.has(name))
  const reinstall = wanted.filter((name) => facts.packages.has(name) && facts.lost.has(name))
  if (install.length + reinstall.length === 0) return []
  const reasons = [
    ...(install.length > 0 ? [`install ${install.join(', ')}`] : []),
    ...reinstall.map((name) => `reinstall ${name} (${facts.lost.get(name)} is missing)`),
  ]
  return [
    { id: 'packages', module: 'packages', title: reasons.join(', '), kind: 'packages', install, reinstall },
  ]
}

function userAction(module: string, user: ManagedUser, facts: HostFacts): HostAction[] {
  if (facts.users.has(user.name)) return []
  return [{ id: `user:${user.name}`, module, title: `create user ${user.name}`, kind: 'user', user }]
}

function directoryAction(module: string, directory: ManagedDirectory, facts: HostFacts): HostAction[] {
  const found = facts.paths.get(directory.path)
  const id = `directory:${directory.path}`
  if (found?.type === 'directory') return attributesAction(module, id, directory, found)
  const why = found ? 'something else stands there' : 'was missing'
  return [{ id, module, title: `create ${directory.path} (${why})`, kind: 'directory', directory }]
}

function fileAction(module: string, file: ManagedFile, facts: HostFacts): HostAction[] {
  const found = facts.paths.get(file.path)
  const id = `file:${file.path}`
  const why = fileDifference(file, found)
  if (why === undefined && found) return attributesAction(module, id, file, found)
  return [{ id, module, title: `write ${file.path} (${why})`, kind: 'file', file }]
}

function fileDifference(file: ManagedFile, found: PathFacts | undefined): string | undefined {
  if (!found) return 'was missing'
  if (found.type !== 'file') return `was a ${found.type}`
  if (file.seed) return undefined
  return found.sha256 === sha256(file.content) ? undefined : 'content differs'
}

function attributesAction(
  module: string,
  id: string,
  file: ManagedFile | ManagedDirectory,
  found: PathFacts,
): HostAction[] {
  const differences = [
    ...(found.mode === file.mode ? [] : [`mode was ${octal(found.mode)}`]),
    ...(found.owner === file.owner && found.group === file.group
      ? []
      : [`owner was ${found.owner}:${found.group}`]),
  ]
  if (differences.length === 0) return []
  const title = `set mode ${octal(file.mode)} and owner ${file.owner}:${file.group} of ${file.path} (${differences.join(', ')})`
  return [{ id, module, title, kind: 'attributes', file }]
}

function linkAction(module: string, link: ManagedLink, facts: HostFacts): HostAction[] {
  const found = facts.paths.get(link.path)
  if (found?.type === 'link' && (link.seed || found.target === link.target)) return []
  const why = found ? `was a ${found.type}${found.target ? ` to ${found.target}` : ''}` : 'was missing'
  return [
    {
      id: `link:${link.path}`,
      module,
      title: `link ${link.path} to ${link.target} (${why})`,
      kind: 'link',
      link,
    },
  ]
}

/** As `chmod` takes it, four digits. */
export const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

/** Of a file's content, as `sha256sum` prints it. */
export const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')
