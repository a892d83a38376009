import { basename } from 'node:path'
import { type HostModule, hostModule, type ManagedFile, rootFile } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { template, templateText } from '../render.ts'
import { libraryPath } from './library.ts'

const SCRIPT = libraryPath('data-volume')
const { images, data, marks } = LAYOUT.instances
const FOLDERS = [images, data, marks]
const place = LAYOUT.dataVolume

/** The volume on which all data of a host lies, where it has one. What it needs is of the base: e2fsprogs. */
export function dataVolumeModule(device: string): HostModule {
  return hostModule('data-volume', {
    // Closed, because the folders on it are shielded only where they are mounted.
    directories: [{ path: place, mode: 0o700, owner: 'root', group: 'root' }],
    files: [
      rootFile(SCRIPT, templateText('volume/data-volume'), { mode: 0o755 }),
      ...mounts(device),
      ...['pgi@', 'storage-watch'].map((name) =>
        dropIn(name, template('volume/needed.conf', { folders: FOLDERS.join(' '), place })),
      ),
      // They may read what is closed to them.
      ...['fail2ban', 'pool-certificate'].map((name) =>
        dropIn(name, template('volume/hidden.conf', { place })),
      ),
    ],
    sequence: [
      {
        kind: 'step',
        name: 'data-volume',
        title: `mount the data volume ${device}`,
        command: [SCRIPT, 'mount', device],
        probe: { command: [SCRIPT, '--check', 'mount', device], wanted: 'mounted' },
      },
      {
        kind: 'step',
        name: 'data-volume-size',
        title: 'grow the file system of the data volume',
        command: [SCRIPT, 'grow', device],
        probe: { command: [SCRIPT, '--check', 'grow', device], wanted: 'as large as its device' },
        ownLockSeconds: 600,
      },
    ],
  })
}

/** What the step installs once nothing speaks against it: as units they would mount at the next start of anything. */
function mounts(device: string): ManagedFile[] {
  const what = device.replaceAll('%', '%%')
  const volume = template('volume/volume.mount', { device: what, place })
  const folders = FOLDERS.map((where): [string, string] => [
    where,
    template('volume/folder.mount', { device: what, place, where, folder: basename(where) }),
  ])
  return [[place, volume] as const, ...folders].map(([where, text]) =>
    rootFile(libraryPath(`volume/${basename(where)}.mount`), text, {
      effects: ['run:data-volume'],
      check: [libraryPath('check-unit'), '{}', `/etc/systemd/system/${mountUnit(where)}`],
    }),
  )
}

/** As `systemd-escape --path` has it. */
const mountUnit = (path: string): string =>
  `${path.slice(1).replaceAll('-', '\\x2d').replaceAll('/', '-')}.mount`

/** Not checked: its unit lands later. */
const dropIn = (service: string, text: string): ManagedFile =>
  rootFile(`/etc/systemd/system/${service}.service.d/data-volume.conf`, text, { effects: ['run:systemd'] })
