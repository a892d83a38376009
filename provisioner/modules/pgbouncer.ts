import type { HostSpec } from '../../hosts/host-spec.ts'
import {
  type HostModule,
  hostModule,
  type ManagedDirectory,
  type ManagedFile,
  rootFile,
} from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { Block, template } from '../render.ts'
import { caddyLeaf } from './caddy.ts'
import { libraryPath, unitFile } from './library.ts'

const { user, config, tenants, generations } = LAYOUT.pool
const CERTIFICATE = libraryPath('pool-certificate')
const EMPTY = `${generations}/empty`

/** PgBouncer with its certificate. Which databases it serves is the tenant layer's. */
export function pgbouncerModule(spec: HostSpec): HostModule {
  const own = { group: user, mode: 0o640 }
  const folders = ['/etc/pgbouncer', '/etc/pgbouncer/certificates', generations, EMPTY]
  return hostModule('pgbouncer', {
    packages: ['pgbouncer'],
    users: [{ name: user, comment: 'PgBouncer' }],
    directories: folders.map((path): ManagedDirectory => ({ path, mode: 0o750, owner: 'root', group: user })),
    files: [
      ...['databases.ini', 'hba.conf', 'userlist.txt'].map((name) => rootFile(`${EMPTY}/${name}`, '', own)),
      rootFile(config, template('pgbouncer/pgbouncer.ini', { poolerPort: spec.ports.pooler }), {
        ...own,
        effects: ['reload:pgbouncer.service'],
        check: [libraryPath('check-pgbouncer'), '{}'],
      }),
      rootFile('/etc/dbhost/pool-names', `${spec.addresses.join('\n')}\n`, { effects: ['run:certificate'] }),
      unitFile('pgbouncer.service.d/dbhost.conf', template('pgbouncer/pgbouncer.service.conf'), [
        'restart:pgbouncer.service',
      ]),
      ...certificateUnits(spec),
    ],
    links: [{ path: tenants, target: EMPTY, seed: true }],
    sequence: [
      { kind: 'unit', name: 'pgbouncer.service', reload: [libraryPath('pgbouncer-reload')] },
      {
        kind: 'step',
        name: 'certificate',
        title: "renew PgBouncer's certificate",
        command: [CERTIFICATE],
        probe: { command: [CERTIFICATE, '--check'], wanted: 'current' },
        ownLockSeconds: 30,
      },
      { kind: 'unit', name: 'pool-certificate.path' },
      { kind: 'unit', name: 'pool-certificate.timer' },
    ],
  })
}

function certificateUnits({ addresses }: HostSpec): ManagedFile[] {
  const leaves = new Block(addresses.map((address) => `PathChanged=${caddyLeaf(address)}`))
  return [
    unitFile('pool-certificate.service', template('pgbouncer/pool-certificate.service'), ['run:systemd']),
    unitFile('pool-certificate.path', template('pgbouncer/pool-certificate.path', { leaves }), [
      'restart:pool-certificate.path',
    ]),
    unitFile('pool-certificate.timer', template('pgbouncer/pool-certificate.timer'), [
      'restart:pool-certificate.timer',
    ]),
  ]
}
