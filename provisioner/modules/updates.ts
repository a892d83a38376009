import type { HostSpec, UpdateOrigin } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { Block, template } from '../render.ts'
import { unitFile } from './library.ts'

const TIMERS = ['apt-daily.timer', 'apt-daily-upgrade.timer']
const GUARD = 'unattended-upgrades.service'

// biome-ignore lint/suspicious/noTemplateCurlyInString: for unattended-upgrades to fill in
const CODENAME = '${distro_codename}'

const PATTERNS: Record<UpdateOrigin, string[]> = {
  security: [
    `origin=Debian,codename=${CODENAME},label=Debian-Security`,
    `origin=Debian,codename=${CODENAME}-security,label=Debian-Security`,
  ],
  stable: [`origin=Debian,codename=${CODENAME},label=Debian`],
}

/** Debian's own unattended upgrades in the host's window, with the restarts that they need. */
export function updatesModule({ updates }: HostSpec): HostModule {
  const origins = updates.origins.flatMap((origin) => PATTERNS[origin]).map((pattern) => `"${pattern}";`)
  return hostModule('updates', {
    packages: ['unattended-upgrades', 'needrestart'],
    files: [
      // Read after Debian's own, which it corrects.
      rootFile(
        '/etc/apt/apt.conf.d/60dbhost-updates',
        template('updates/apt.conf', { origins: new Block(origins) }),
      ),
      rootFile('/etc/needrestart/conf.d/dbhost.conf', template('updates/needrestart.conf'), {
        check: ['perl', '-c', '{}'],
      }),
      ...TIMERS.map((timer) =>
        unitFile(`${timer}.d/dbhost.conf`, template(`updates/${timer}.conf`, { window: updates.window }), [
          'run:update-window',
          `restart:${timer}`,
        ]),
      ),
      unitFile(
        'apt-daily-upgrade.service.d/dbhost.conf',
        template('updates/apt-daily-upgrade.service.conf'),
        ['run:systemd'],
      ),
    ],
    // Debian's guard of a shutdown: a process that waits in memory all day for what its job can do by itself.
    links: [{ path: `/etc/systemd/system/${GUARD}`, target: '/dev/null' }],
    sequence: [
      {
        kind: 'step',
        name: 'update-window',
        // Else a timer whose new window lies earlier today would count as missed, and run now.
        title: 'begin with the next window for updates',
        command: ['touch', ...TIMERS.map((timer) => `/var/lib/systemd/timers/stamp-${timer}`)],
      },
      ...TIMERS.map((name) => ({ kind: 'unit', name }) as const),
      {
        kind: 'step',
        name: 'updates-guard',
        title: "stop Debian's guard of a shutdown",
        // One that was killed is failed, not inactive.
        command: ['sh', '-c', `systemctl stop ${GUARD}; systemctl reset-failed ${GUARD} || true`],
        probe: {
          command: ['/usr/bin/systemctl', 'show', '--property=ActiveState', '--value', GUARD],
          wanted: 'inactive',
        },
      },
    ],
  })
}
