import { z } from 'zod'
import { type Image, imageOf, type Location, locationOf, type ServerType, serverTypeOf } from './catalog.ts'
import { ApiError, invalid } from './errors.ts'
import { hostname, id, idOrName, labels } from './fields.ts'
import { refuseFull } from './placement-groups.ts'
import type { PrimaryIpRecord, SshKeyRecord, VolumeRecord } from './records.ts'
import { refuseAttaching } from './volumes.ts'
import { resourceOf, type World } from './world.ts'

const MOST_USER_DATA = 32 * 1024

export const creatingServer = z.strictObject({
  name: hostname,
  server_type: idOrName,
  image: idOrName,
  location: z.string().optional(),
  ssh_keys: z.array(idOrName).optional(),
  user_data: z.string().max(MOST_USER_DATA).optional(),
  start_after_create: z.boolean().optional(),
  labels: labels.optional(),
  automount: z.boolean().optional(),
  volumes: z.array(id).optional(),
  networks: z.array(id).optional(),
  firewalls: z.array(z.strictObject({ firewall: id })).optional(),
  placement_group: id.optional(),
  public_net: z
    .strictObject({
      enable_ipv4: z.boolean().optional(),
      enable_ipv6: z.boolean().optional(),
      ipv4: id.nullable().optional(),
      ipv6: id.nullable().optional(),
    })
    .optional(),
})

type Body = z.infer<typeof creatingServer>
type Kind = PrimaryIpRecord['type']

interface Request {
  type: ServerType
  image: Image
  location: Location
  keys: SshKeyRecord[]
  volumes: VolumeRecord[]
  /** Primary IPs to take. */
  given: PrimaryIpRecord[]
  /** Kinds of which one is to be made. */
  missing: Kind[]
  starts: boolean
}

/** The primary IP that the body names, or undefined where one of its kind is to be made or none. */
function givenIp({ store }: World, kind: Kind, publicNet: Body['public_net']): PrimaryIpRecord | undefined {
  const wanted = publicNet?.[kind] ?? undefined
  if (wanted === undefined) return undefined
  if (publicNet?.[`enable_${kind}`] === false) throw invalid(`public_net.${kind}`, 'is given but not enabled')
  const row = store.primaryIps.need(wanted)
  if (row.type !== kind) throw new ApiError('primary_ip_version_mismatch', `${row.name} is no ${kind}`)
  if (row.assignee !== null) throw new ApiError('primary_ip_assigned', `${row.name} is assigned`)
  return row
}

function keysOf({ store }: World, wanted: (number | string)[]): SshKeyRecord[] {
  const keys = store.sshKeys.all()
  return wanted.map((one) => {
    const key = keys.find((row) => row.id === one || row.name === one)
    if (!key) throw invalid('ssh_keys', `'${one}' not found`)
    return key
  })
}

/** Everything that the body names. Throws when the server cannot be made so. */
export function resolved(world: World, body: Body): Request {
  const { store, actions } = world
  store.servers.refuseTaken(body.name)
  const type = serverTypeOf(body.server_type)
  const image = imageOf(body.image, type.architecture)
  const keys = keysOf(world, body.ssh_keys ?? [])
  const kinds = (['ipv4', 'ipv6'] as const).filter((kind) => body.public_net?.[`enable_${kind}`] !== false)
  const given = (['ipv4', 'ipv6'] as const).flatMap((kind) => givenIp(world, kind, body.public_net) ?? [])
  const missing = kinds.filter((kind) => given.every((one) => one.type !== kind))
  const volumes = (body.volumes ?? []).map((wanted) => store.volumes.need(wanted))
  const [network] = body.networks ?? []
  if (network !== undefined) throw new ApiError('not_found', `network with ID '${network}' not found`)
  for (const { firewall } of body.firewalls ?? []) store.firewalls.need(firewall)
  if (body.placement_group !== undefined) refuseFull(store, body.placement_group)

  const bound = given[0]?.location ?? volumes[0]?.location
  const location = body.location === undefined ? bound : locationOf(body.location)
  const place = location ?? locationOf(type.locations[0]?.name ?? '')
  if (type.locations.every(({ name }) => name !== place.name)) {
    throw invalid('location', `${place.name} does not have ${type.name}`)
  }
  const elsewhere = given.find((one) => one.location !== place)
  if (elsewhere) throw new ApiError('primary_ip_datacenter_mismatch', `${elsewhere.name} is elsewhere`)
  for (const volume of volumes) {
    actions.refuseLocked(resourceOf(store.volumes, volume))
    refuseAttaching(volume, place)
  }
  const starts = body.start_after_create ?? true
  if (starts && kinds.length === 0) throw invalid('public_net', 'a server without a network cannot start')
  return { type, image, location: place, keys, volumes, given, missing, starts }
}
