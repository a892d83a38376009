/** How a machine came to be: booted on this computer, owned and reached over SSH, or bought. */
export type HostKind = 'local' | 'ssh' | 'hcloud'

/** `shared`: several projects, a hard disk limit per instance. `dedicated`: one project at full disk speed. */
export type Tenancy = 'shared' | 'dedicated'

/** `data`: holds databases. `control`: the control plane itself runs there, behind the machine's own Caddy. */
export type HostRole = 'data' | 'control'

/** A machine that is bought at Hetzner Cloud, with what belongs to it. */
export interface CloudSpec {
  /** `cx23`, `ccx13`, … */
  serverType: string
  /** `fsn1`, `nbg1`, `hel1`, … */
  location: string
  /** Debian 13, by its name there. */
  image: string
  /** Size of the volume that holds all data, in GB; it can only grow. */
  volumeGb: number
  /** An existing one, whose machines never share hardware; null: none. */
  placementGroup: number | null
  /** The host's name in a DNS zone that the project holds; null: known by its addresses alone. */
  domain: { zone: string; record: string } | null
}

/** Sizes that Hetzner Cloud gives a volume, in GB. */
export const VOLUME_GB = { least: 10, most: 10_240 } as const

/** By what a bought machine is known, made for it before it is bought; no secret. */
export interface CloudIdentity {
  /** The installation that it belongs to. */
  installation: string
  /** Lets the control plane in: `ssh-ed25519 <base64>`. */
  loginKey: string
  /** What the machine proves itself with. */
  hostKey: string
}

/** Archives of Debian: `security` alone, or with what a point release of `stable` brings. */
export type UpdateOrigin = 'security' | 'stable'

/** Updates that a host installs by itself, with the restarts that they need. */
export interface UpdatePolicy {
  /** When they begin, each day: HH:MM, UTC. */
  window: string
  origins: UpdateOrigin[]
}

/** A further TCP port that the firewalls of a host let through. */
export interface ExtraRule {
  description: string
  port: number
  /** Canonical CIDRs, sorted. */
  sources: string[]
}

/** What an engineer adds to a host: it stands in `Pulumi.<stack>.yaml`. */
export interface HostExtras {
  /** Of everything that is bought for the host. */
  labels: Record<string, string>
  rules: ExtraRule[]
}

/**
 * What a host of the data plane must be. Firewall, services and pool read the same spec, so a port cannot be
 * open without its service or the reverse.
 */
export interface HostSpec {
  /** DNS label, unique in the installation. */
  name: string
  kind: HostKind
  tenancy: Tenancy
  roles: HostRole[]
  /** Addresses that clients connect to; the first is the one in connection strings. */
  addresses: string[]
  /** Canonical CIDRs from which the control plane comes: SSH is never rate-limited for them. */
  controlPlane: string[]
  /** `api`: where the server of a `control` machine listens on its loopback. */
  ports: { ssh: number; pooler: number; https: number; api?: number }
  /** Size of an instance's file system where its project has no limit, in bytes. */
  instanceBytes: number
  /** `MemoryMax` of each instance's unit, in bytes. */
  instanceMemoryBytes: number
  /** `max_connections` of each instance, fixed at its creation. */
  instanceConnections: number
  /** Clients per database over both of its entries, where the plan has no limit. */
  databaseClients: number
  /**
   * Bytes of the disk that all instances share which stay free; null: 10 % of it, at least 2 GB. Hosts registered
   * before there was this setting have none.
   */
  diskReserveBytes?: number | null
  /** Path of the block device that holds all data; null or absent: the machine's own disk. */
  dataDevice?: string | null
  updates: UpdatePolicy
  extras?: HostExtras
}

/** How the machine of a host is reached, and what proves that it is the host. */
export interface HostAccess {
  address: string
  port: number
  /** Another user than root must be able to use sudo without a password. */
  user: string
  /** The one host key that is accepted: `ssh-ed25519 <base64>`. */
  hostKey: string
}

/** What of a spec the edge is made from: firewall, HTTPS, bans. */
export type EdgeSpec = Pick<HostSpec, 'roles' | 'addresses' | 'controlPlane' | 'ports' | 'extras'>

/** Does the control plane itself run there? */
export const isControl = ({ roles }: Pick<HostSpec, 'roles'>): boolean => roles.includes('control')

export const NO_EXTRAS: HostExtras = { labels: {}, rules: [] }

/** A spec with these extras; nothing added is no field. */
export function withExtras<Spec extends { extras?: HostExtras }>(spec: Spec, extras: HostExtras): Spec {
  const { extras: _, ...rest } = spec
  const isNothing = Object.keys(extras.labels).length === 0 && extras.rules.length === 0
  return { ...rest, ...(isNothing ? {} : { extras }) } as Spec
}

/** The spec of a host of this name with every setting at its default. */
export function defaultHostSpec(
  given: Pick<HostSpec, 'name' | 'kind' | 'addresses' | 'controlPlane'> & Partial<HostSpec>,
): HostSpec {
  return {
    tenancy: 'shared',
    roles: ['data'],
    ports: { ssh: 22, pooler: 6432, https: 443 },
    instanceBytes: 10 * 1024 ** 3,
    instanceMemoryBytes: 1024 ** 3,
    instanceConnections: 300,
    databaseClients: 200,
    diskReserveBytes: null,
    updates: { window: '04:00', origins: ['security', 'stable'] },
    ...given,
  }
}
