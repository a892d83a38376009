import { createHash } from 'node:crypto'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { template, templateText } from '../render.ts'
import { libraryPath, unitFile } from './library.ts'

const TEMPLATE = libraryPath('cluster-template')

/** PostgreSQL: the unit of an instance and the cluster that each instance begins as a copy of. */
export function postgresModule(spec: HostSpec): HostModule {
  const storage = spec.tenancy === 'shared' ? 'image' : 'directory'
  const recipe = ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf', 'harden.sql'].map((name) =>
    rootFile(
      libraryPath(`cluster/${name}`),
      template(
        `postgres/${name}`,
        name === 'postgresql.conf' ? { connections: spec.instanceConnections } : {},
      ),
    ),
  )
  const digest = recipeDigest(recipe.map((file) => file.content))
  return hostModule('postgres', {
    packages: ['postgresql-17', 'postgresql-client-17'],
    directories: [
      { path: LAYOUT.instances.data, mode: 0o755, owner: 'root', group: 'root' },
      // Others must get through while the template is made; what lies in it is closed by itself.
      { path: LAYOUT.instances.images, mode: 0o711, owner: 'root', group: 'root' },
    ],
    files: [
      // Debian would make and start a cluster of its own, on TCP.
      rootFile(
        '/etc/postgresql-common/createcluster.d/dbhost.conf',
        template('postgres/createcluster.conf'),
        {
          early: true,
        },
      ),
      ...recipe,
      unitFile('pgi@.service', template('postgres/pgi@.service'), ['run:systemd']),
    ],
    sequence: [
      {
        kind: 'step',
        name: 'cluster-template',
        title: 'make the cluster that instances begin as',
        command: [TEMPLATE, storage, digest],
        probe: { command: [TEMPLATE, '--check', storage], wanted: digest },
        ownLockSeconds: 120,
      },
    ],
  })
}

function recipeDigest(contents: readonly string[]): string {
  const parts = [templateText('lib/cluster-template'), ...contents]
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16)
}
