import { z } from 'zod'
import type { FieldProblem } from '../../common/errors.ts'
import { type CloudSpec, VOLUME_GB } from '../host-spec.ts'
import { choices } from './choices.ts'
import { type CloudAccess, list } from './client.ts'
import { dnsProblems } from './dns.ts'
import { type OwnMachine, ownMachine } from './machine.ts'
import { type ServerType, serverType, serverTypeProblems } from './server-types.ts'

const location = z.object({ name: z.string() })
const image = z.object({
  name: z.string().nullable(),
  architecture: z.string(),
  os_flavor: z.string(),
  os_version: z.string().nullable(),
})
const placementGroup = z.object({
  id: z.number(),
  name: z.string(),
  type: z.string(),
  servers: z.array(z.number()),
})

type Image = z.infer<typeof image>
type PlacementGroup = z.infer<typeof placementGroup>

/** What a group of Hetzner's holds. */
const GROUP_SERVERS = 10

/**
 * Why the provider would refuse this machine, as far as it can be asked; nothing is changed.
 * @param hostId of a host some of which may be there already: what it has is no obstacle to itself
 * @returns fields as JSON pointers into the spec @throws CloudError
 */
export async function preflight(
  access: CloudAccess,
  cloud: CloudSpec,
  hostId?: string,
): Promise<FieldProblem[]> {
  const own = ownMachine(access, hostId)
  const [machine, locations, types, images, groups, dns] = await Promise.all([
    own,
    list(access, 'locations', location),
    list(access, 'server_types', serverType),
    list(access, 'images', image, { query: { type: 'system' } }),
    cloud.placementGroup === null ? [] : list(access, 'placement_groups', placementGroup),
    dnsProblems(access, cloud, own),
  ])
  const places = locations.map(({ name }) => name)
  return [
    ...(places.includes(cloud.location)
      ? serverTypeProblems(types, cloud, machine)
      : [noSuchPlace(cloud, places)]),
    ...imageProblems(images, types, cloud, machine),
    ...volumeProblems(cloud),
    ...placementGroupProblems(groups, cloud, machine),
    ...dns,
  ]
}

const noSuchPlace = (cloud: CloudSpec, places: string[]): FieldProblem => ({
  field: '/location',
  message: `Hetzner Cloud has no location ${cloud.location}: ${choices(places, 'it lists none.')}`,
})

/** It only counts at the first boot. */
function imageProblems(
  images: Image[],
  types: ServerType[],
  cloud: CloudSpec,
  { server }: OwnMachine,
): FieldProblem[] {
  const type = types.find(({ name }) => name === cloud.serverType)
  if (server || !type) return []
  const { architecture } = type
  const fitting = images
    .filter(
      (one) => one.os_flavor === 'debian' && one.os_version === '13' && one.architecture === architecture,
    )
    .flatMap(({ name }) => name ?? [])
  if (fitting.includes(cloud.image)) return []
  const instead = choices(fitting, 'there is none, choose another server type.')
  return [
    { field: '/image', message: `${cloud.image} is no image of Debian 13 for ${architecture}: ${instead}` },
  ]
}

function volumeProblems({ volumeGb }: CloudSpec): FieldProblem[] {
  const { least, most } = VOLUME_GB
  if (Number.isInteger(volumeGb) && volumeGb >= least && volumeGb <= most) return []
  const message = `A volume has ${least} to ${most} GB, in whole numbers: choose one of these instead of ${volumeGb}.`
  return [{ field: '/volumeGb', message }]
}

function placementGroupProblems(
  groups: PlacementGroup[],
  { placementGroup: wanted }: CloudSpec,
  { server }: OwnMachine,
): FieldProblem[] {
  if (wanted === null) return []
  const isFull = ({ servers }: PlacementGroup): boolean =>
    servers.length >= GROUP_SERVERS && !(server && servers.includes(server.id))
  const group = groups.find(({ id }) => id === wanted)
  if (group?.type === 'spread' && !isFull(group)) return []
  const why = !group
    ? `The Hetzner Cloud project has no placement group ${wanted}`
    : `The placement group ${group.name} ${isFull(group) ? `has ${GROUP_SERVERS} servers already` : 'does not keep servers apart'}`
  const free = groups.filter((one) => one.type === 'spread' && !isFull(one))
  const names = free.map(({ id, name }) => `${id} (${name})`)
  const instead = choices(names, 'make one of type spread in the console of Hetzner Cloud, or leave it null.')
  return [{ field: '/placementGroup', message: `${why}: ${instead}` }]
}
