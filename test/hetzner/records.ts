import type { Image, Location, ServerType } from './catalog.ts'
import type { Labels } from './labels.ts'

export interface Named {
  id: number
  name: string
  labels: Labels
  created: string
}

export interface ServerRecord extends Named {
  status: 'initializing' | 'starting' | 'running' | 'off' | 'deleting' | 'migrating' | 'rebuilding'
  type: ServerType
  image: Image
  location: Location
  protection: { delete: boolean; rebuild: boolean }
  userData: string
  /** The public keys: deleting a key leaves it on the server. */
  sshKeys: string[]
  placementGroup: number | null
  backupWindow: string | null
  primaryDiskSize: number
}

export interface PrimaryIpRecord extends Named {
  type: 'ipv4' | 'ipv6'
  /** An address, or a /64 network. */
  ip: string
  location: Location
  /** By address. */
  pointers: Map<string, string>
  assignee: number | null
  autoDelete: boolean
  protection: { delete: boolean }
}

export interface VolumeRecord extends Named {
  status: 'creating' | 'available'
  size: number
  format: string | null
  location: Location
  server: number | null
  protection: { delete: boolean }
}

export interface FirewallRule {
  direction: 'in' | 'out'
  protocol: 'tcp' | 'udp' | 'icmp' | 'esp' | 'gre'
  port: string | null
  source_ips: string[]
  destination_ips: string[]
  description: string | null
}

export type FirewallTarget =
  | { type: 'server'; server: { id: number } }
  | { type: 'label_selector'; label_selector: { selector: string } }

export interface FirewallRecord extends Named {
  rules: FirewallRule[]
  targets: FirewallTarget[]
}

export interface SshKeyRecord extends Named {
  fingerprint: string
  publicKey: string
}

export interface RecordValue {
  value: string
  comment?: string | undefined
}

export interface RrsetRecord {
  id: string
  name: string
  type: string
  /** Null: that of the zone. */
  ttl: number | null
  labels: Labels
  protection: { change: boolean }
  records: RecordValue[]
}

export interface ZoneRecord extends Named {
  mode: 'primary' | 'secondary'
  ttl: number
  primaryNameservers: object[]
  protection: { delete: boolean }
  /** By id: `name/TYPE`. */
  rrsets: Map<string, RrsetRecord>
}
