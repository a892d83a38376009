import { type HostModule, hostModule } from '../host/resources.ts'
import { template } from '../render.ts'
import { unitFile } from './library.ts'

/** Who logged in to the pool and who failed to: fail2ban asks it, and owners are told. */
export function poolLoginsModule(): HostModule {
  const units = ['pool-logins.service', 'pool-logins.timer'].map((name) =>
    unitFile(name, template(`pgbouncer/${name}`), [
      name.endsWith('.timer') ? 'restart:pool-logins.timer' : 'run:systemd',
    ]),
  )
  return hostModule('pool-logins', {
    files: units,
    sequence: [{ kind: 'unit', name: 'pool-logins.timer' }],
  })
}
