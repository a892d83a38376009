import { createHash } from 'node:crypto'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { type HostModule, hostModule, rootFile } from '../host/resources.ts'
import { LAYOUT } from '../layout.ts'
import { template, templateText } from '../render.ts'
import { CLEANUP_CONNECTIONS, DATABASE_CONNECTIONS } from '../tenants/limits.ts'
import { unitFile } from './library.ts'

const WATCH = 'storage-watch.service'
const { marks } = LAYOUT.instances

/** What keeps instances from filling their disks and each other's, with or without a control plane. */
export function storageModule(spec: HostSpec): HostModule {
  const folders = [marks, ...['closed', 'held', 'cleanup', 'growing'].map((name) => `${marks}/${name}`)]
  const settings = template('storage/storage.conf', {
    reserve: spec.diskReserveBytes ?? '',
    open: DATABASE_CONNECTIONS,
    cleanup: CLEANUP_CONNECTIONS,
  })
  return hostModule('storage', {
    directories: folders.map((path) => ({ path, mode: 0o700, owner: 'root', group: 'root' })),
    files: [
      rootFile('/etc/dbhost/storage.conf', settings, { effects: [`restart:${WATCH}`] }),
      unitFile(WATCH, template(`storage/${WATCH}`, { scripts: scriptsDigest() }), [`restart:${WATCH}`]),
    ],
    sequence: [{ kind: 'unit', name: WATCH }],
  })
}

/** A loop goes on with the scripts that it began with; another digest in its unit restarts it. */
function scriptsDigest(): string {
  const names = ['storage-watch', 'storage-lib', 'storage-doors', 'storage-reserve']
  const texts = names.map((name) => templateText(`lib/${name}`))
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16)
}
