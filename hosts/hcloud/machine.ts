import { z } from 'zod'
import { canonicalCidr } from '../../common/cidr.ts'
import { type CloudAccess, list } from './client.ts'

/** What a host has in the cloud already. */
export interface OwnMachine {
  /** Undefined: its server was not made yet. */
  server?: z.infer<typeof server> | undefined
  /** As canonical CIDRs. */
  addresses: string[]
}

const server = z.object({
  id: z.number(),
  server_type: z.object({ name: z.string(), architecture: z.string() }),
  /** In GB; a machine goes to no type with less. */
  primary_disk_size: z.number(),
})
const primaryIp = z.object({ ip: z.string() })

/** The label that its stack gives to all that belongs to a host. */
export const HOST_LABEL = 'dbhost-host'

/** Finds all that belongs to a host, in every list of the API. */
export const ownQuery = (hostId: string): Record<string, string> => ({
  label_selector: `${HOST_LABEL}=${hostId}`,
})

/** @param hostId undefined: nothing was made yet */
export async function ownMachine(access: CloudAccess, hostId: string | undefined): Promise<OwnMachine> {
  if (hostId === undefined) return { addresses: [] }
  const query = ownQuery(hostId)
  const [servers, addresses] = await Promise.all([
    list(access, 'servers', server, { query }),
    list(access, 'primary_ips', primaryIp, { query }),
  ])
  return { server: servers[0], addresses: addresses.flatMap(({ ip }) => canonicalCidr(firstOf(ip)) ?? []) }
}

/** A machine takes the first address of its IPv6 network. */
const firstOf = (ip: string): string => ip.replace(/::(\/\d+)?$/, '::1')
