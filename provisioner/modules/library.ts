import { type ManagedFile, rootFile } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { templateNames, templateText } from '../render.ts'

/** Where a script of ours stands on the host. */
export const libraryPath = (name: string): string => `${LAYOUT.library}/${name}`

/** Scripts that run all the time: a new text has to be started. */
const DAEMONS: Record<string, ManagedFile['effects']> = {
  'pool-watchdog': ['restart:pool-watchdog.service'],
  'network.awk': ['restart:pool-watchdog.service'],
}

/** A script of ours; it lands before the packages, whose configuration it checks. */
export const libraryFile = (name: string): ManagedFile =>
  rootFile(libraryPath(name), templateText(`lib/${name}`), {
    mode: 0o755,
    early: true,
    effects: DAEMONS[name] ?? [],
  })

/** Every file of templates/lib and templates/sql. */
export const wholeLibrary = (): ManagedFile[] => [
  ...templateNames('lib').map(libraryFile),
  ...templateNames('sql').map((name) => rootFile(libraryPath(`sql/${name}`), templateText(`sql/${name}`))),
]

/** A unit or a drop-in of one, checked before it lands. */
export const unitFile = (name: string, content: string, effects: ManagedFile['effects']): ManagedFile => {
  const path = `/etc/systemd/system/${name}`
  return rootFile(path, content, { effects, check: [libraryPath('check-unit'), '{}', path] })
}

/** What an installation of packages runs on the host. */
export const packageTools = (): ManagedFile[] => ['packages-install', 'policy-rc.d'].map(libraryFile)
