import { dirname } from 'node:path'
import { type EdgeSpec, isControl } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { template } from '../render.ts'
import { libraryFile, libraryPath, packageTools, unitFile } from './library.ts'

const LOG = '/var/log/caddy/access.log'
const TMPFILES = '/etc/tmpfiles.d/dbhost-caddy.conf'

/** Part of the edge: HTTPS, and the authority of this host's certificates. Stands by itself. */
export function caddyModule(spec: EdgeSpec): HostModule {
  return hostModule('caddy', {
    packages: ['caddy'],
    directories: [{ path: dirname(LOG), mode: 0o750, owner: 'caddy', group: 'adm' }],
    files: [
      ...packageTools(),
      libraryFile('check-caddy'),
      libraryFile('check-unit'),
      // fail2ban's jail is refused without it; at a boot it is made by systemd.
      rootFile(LOG, '', { mode: 0o640, owner: 'caddy', group: 'adm', seed: true }),
      rootFile(TMPFILES, template('caddy/tmpfiles.conf'), { effects: ['run:caddy-folders'] }),
      rootFile('/etc/caddy/Caddyfile', caddyText(spec), {
        effects: ['reload:caddy.service'],
        check: [libraryPath('check-caddy'), '{}'],
      }),
      unitFile('caddy.service.d/dbhost.conf', template('caddy/caddy.service.conf'), [
        'restart:caddy.service',
      ]),
    ],
    sequence: [
      {
        kind: 'step',
        name: 'caddy-folders',
        title: 'make the folders of Caddy',
        command: ['systemd-tmpfiles', '--create', TMPFILES],
      },
      { kind: 'unit', name: 'caddy.service' },
    ],
  })
}

function caddyText(spec: EdgeSpec): string {
  const { addresses, ports } = spec
  const sites = addresses.map((address) => `https://${bracketed(address)}:${ports.https}`)
  const answer = isControl(spec) ? `reverse_proxy 127.0.0.1:${apiPort(ports)}` : 'respond 404'
  return template('caddy/Caddyfile', { sites: sites.join(', '), answer })
}

function apiPort({ api }: EdgeSpec['ports']): number {
  if (api === undefined) throw new Error('A machine of role control needs the port of its API.')
  return api
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** Where Caddy keeps the certificate of one of its addresses. */
export const caddyLeaf = (address: string): string => {
  const name = address.toLowerCase().replaceAll(':', '-')
  return `/var/lib/caddy/.local/share/caddy/certificates/local/${name}/${name}.crt`
}
