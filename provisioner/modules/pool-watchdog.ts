import { type HostModule, hostModule } from '../host/resources.ts'
import { template } from '../render.ts'
import { unitFile } from './library.ts'

const UNIT = 'pool-watchdog.service'

/** What bounds PgBouncer's memory; its script is of the library. */
export function poolWatchdogModule(): HostModule {
  return hostModule('pool-watchdog', {
    packages: ['iproute2'],
    files: [unitFile(UNIT, template('pgbouncer/pool-watchdog.service'), [`restart:${UNIT}`])],
    sequence: [{ kind: 'unit', name: UNIT }],
  })
}
