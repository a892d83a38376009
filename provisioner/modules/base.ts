import type { HostSpec } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { Block, template } from '../render.ts'
import { libraryPath, wholeLibrary } from './library.ts'

/** Our scripts on the host, the log, sshd. */
export function baseModule(spec: HostSpec): HostModule {
  return hostModule('base', {
    packages: ['e2fsprogs', 'openssl'],
    directories: [{ path: '/etc/dbhost', mode: 0o755, owner: 'root', group: 'root' }],
    files: [
      ...wholeLibrary(),
      rootFile('/etc/tmpfiles.d/dbhost.conf', template('base/tmpfiles.conf'), { effects: ['run:tmpfiles'] }),
      rootFile('/etc/systemd/journald.conf.d/dbhost.conf', template('base/journald.conf'), {
        effects: ['restart:systemd-journald.service'],
      }),
      rootFile('/etc/ssh/sshd_config.d/00-dbhost.conf', sshdText(spec), {
        effects: ['reload:ssh.service'],
        check: [libraryPath('check-sshd'), '{}'],
      }),
    ],
    sequence: [
      {
        kind: 'step',
        name: 'systemd',
        title: 'make systemd read its units',
        command: ['systemctl', 'daemon-reload'],
      },
      {
        kind: 'step',
        name: 'tmpfiles',
        title: 'make the folders below /run',
        command: ['systemd-tmpfiles', '--create', '/etc/tmpfiles.d/dbhost.conf'],
      },
      { kind: 'unit', name: 'systemd-journald.service' },
      { kind: 'unit', name: 'ssh.service' },
    ],
  })
}

function sshdText({ controlPlane }: HostSpec): string {
  const exempt = controlPlane.length > 0 ? [`PerSourcePenaltyExemptList ${controlPlane.join(',')}`] : []
  return template('base/sshd.conf', { exempt: new Block(exempt) })
}
