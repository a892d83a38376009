import { cidrFamily } from '../common/cidr.ts'
import type { EdgeSpec } from '../hosts/host-spec.ts'

/** A rule of Hetzner Cloud's firewall. */
export interface CloudRule {
  description: string
  direction: 'in'
  protocol: 'tcp' | 'icmp'
  port?: string
  sourceIps: string[]
}

const EVERYBODY = ['0.0.0.0/0', '::/0']
/** Of one rule, and of one firewall, at Hetzner Cloud, which counts each source as a rule. */
const SOURCES_OF_RULE = 100
const SOURCES = 500

/**
 * What the cloud lets through to a host: the same as its own firewall, before it costs the host anything. An allowlist
 * that is larger than the cloud's firewall can hold is left to the host's own.
 * @param allow canonical CIDRs, sorted
 */
export function cloudRules({ ports, extras }: EdgeSpec, allow: readonly string[]): CloudRule[] {
  const open: CloudRule[] = [
    { description: 'icmp', direction: 'in', protocol: 'icmp', sourceIps: EVERYBODY },
    tcp('ssh', ports.ssh, EVERYBODY),
    tcp('https', ports.https, EVERYBODY),
    ...(extras?.rules ?? []).map(({ description, port, sources }) => tcp(description, port, sources)),
  ]
  const sources = widest(allow)
  const pool =
    sources.length + open.reduce((sum, { sourceIps }) => sum + sourceIps.length, 0) > SOURCES
      ? [tcp('pool', ports.pooler, EVERYBODY)]
      : chunk(sources, SOURCES_OF_RULE).map((part, index) => tcp(`pool ${index + 1}`, ports.pooler, part))
  return [...open, ...pool]
}

const tcp = (description: string, port: number, sourceIps: string[]): CloudRule => ({
  ...{ description, direction: 'in', protocol: 'tcp', port: String(port), sourceIps },
})

/** Where everybody of a family is let in, its other entries say nothing. */
function widest(allow: readonly string[]): string[] {
  const all = EVERYBODY.filter((cidr) => allow.includes(cidr)).map(cidrFamily)
  return allow.filter((cidr) => EVERYBODY.includes(cidr) || !all.includes(cidrFamily(cidr)))
}

function chunk(values: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  )
}
