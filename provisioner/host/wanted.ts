import type { EdgeSpec, HostSpec } from '../../hosts/host-spec.ts'
import { EDGE_PARTS, edgeModule } from '../edge/parts.ts'
import { baseModule } from '../modules/base.ts'
import { dataVolumeModule } from '../modules/data-volume.ts'
import { pgbouncerModule } from '../modules/pgbouncer.ts'
import { poolLoginsModule } from '../modules/pool-logins.ts'
import { poolWatchdogModule } from '../modules/pool-watchdog.ts'
import { postgresModule } from '../modules/postgres.ts'
import { storageModule } from '../modules/storage.ts'
import { updatesModule } from '../modules/updates.ts'
import type { HostModule } from './resources.ts'

/** What a host must be, whole: plain data, the same for the same spec and release. */
export interface HostWanted {
  modules: readonly HostModule[]
}

/** From bare Debian 13 to ready; later modules stand on earlier ones. */
export function hostWanted(spec: HostSpec): HostWanted {
  return {
    modules: [
      baseModule(spec),
      ...edgeWanted(spec).modules,
      ...(spec.dataDevice ? [dataVolumeModule(spec.dataDevice)] : []),
      postgresModule(spec),
      storageModule(spec),
      pgbouncerModule(spec),
      poolWatchdogModule(),
      poolLoginsModule(),
      updatesModule(spec),
    ],
  }
}

/** The part that a stack may own: what reaches the host, HTTPS, and who is shut out. */
export const edgeWanted = (spec: EdgeSpec): HostWanted => ({
  modules: EDGE_PARTS.map((part) => edgeModule(part, spec)),
})

/** All but the edge, where a stack owns that. */
export function innerWanted(spec: HostSpec): HostWanted {
  const edge = new Set(edgeWanted(spec).modules.map(({ name }) => name))
  return { modules: hostWanted(spec).modules.filter(({ name }) => !edge.has(name)) }
}
