import type { EdgeSpec } from '../../hosts/host-spec.ts'
import type { HostModule } from '../host/resources.ts'
import { caddyModule } from '../modules/caddy.ts'
import { fail2banModule } from '../modules/fail2ban.ts'
import { firewallModule } from '../modules/firewall.ts'

/** What makes up the edge of a host, in the order in which it is made; each part is one resource of its stack. */
export const EDGE_PARTS = ['firewall', 'caddy', 'fail2ban'] as const

export type EdgePart = (typeof EDGE_PARTS)[number]

const MODULES: Record<EdgePart, (spec: EdgeSpec) => HostModule> = {
  firewall: firewallModule,
  caddy: caddyModule,
  fail2ban: fail2banModule,
}

/** What this part must be on a host. */
export const edgeModule = (part: EdgePart, spec: EdgeSpec): HostModule => MODULES[part](spec)
