import type { EdgeSpec } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { template } from '../render.ts'
import { libraryFile, libraryPath, packageTools, unitFile } from './library.ts'

const TMPFILES = '/etc/tmpfiles.d/dbhost-caddy.conf'

/** Part of the edge: HTTPS, and the authority of this host's certificates. Stands by itself. */
export function caddyModule(spec: EdgeSpec): HostModule {
  return hostModule('caddy', {
    packages: ['caddy'],
    files: [
      ...packageTools(),
      libraryFile('check-caddy'),
      libraryFile('check-unit'),
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

function caddyText({ addresses, ports }: EdgeSpec): string {
  const sites = addresses.map((address) => `https://${bracketed(address)}:${ports.https}`)
  return template('caddy/Caddyfile', { sites: sites.join(', ') })
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** Where Caddy keeps the certificate of one of its addresses. */
export const caddyLeaf = (address: string): string => {
  const name = address.toLowerCase().replaceAll(':', '-')
  return `/var/lib/caddy/.local/share/caddy/certificates/local/${name}/${name}.crt`
}
