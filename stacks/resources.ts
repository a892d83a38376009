import * as pulumi from '@pulumi/pulumi'
import type { EdgeSpec, HostAccess } from '../hosts/host-spec.ts'
import type { EdgePart } from '../provisioner/edge/parts.ts'
import { PROVIDER } from './names.ts'

/** What a resource is made from. */
export interface EdgeArgs {
  access: HostAccess
  spec: EdgeSpec
  revision: number
  /** Of the firewall: the networks that it lets through to the pool. */
  allow?: string[]
}

const TYPES: Record<EdgePart, string> = { firewall: 'Firewall', caddy: 'Caddy', fail2ban: 'Fail2ban' }

/** One part of a host's edge. Its files, units and rules are in its outputs as they were seen on the host. */
export class EdgeResource extends pulumi.CustomResource {
  constructor(
    part: EdgePart,
    name: string,
    args: pulumi.Inputs & EdgeArgs,
    options?: pulumi.CustomResourceOptions,
  ) {
    super(`${PROVIDER.name}:index:${TYPES[part]}`, name, args, { ...options, version: PROVIDER.version })
  }
}

/** The part that a resource of this type is. */
export function partOfType(urn: string): EdgePart {
  const type = /::([^:]+:[^:]+:(\w+))::/.exec(urn)?.[2]
  const part = Object.entries(TYPES).find(([, name]) => name === type)?.[0]
  if (part === undefined) throw new Error(`${urn} is no resource of this provider`)
  return part as EdgePart
}
