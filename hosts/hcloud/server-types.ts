import { z } from 'zod'
import type { FieldProblem } from '../../common/errors.ts'
import { byText } from '../../common/order.ts'
import type { CloudSpec } from '../host-spec.ts'
import { choices } from './choices.ts'
import type { OwnMachine } from './machine.ts'
import { byMoney, type Money, money } from './money.ts'

const deprecation = z.object({ unavailable_after: z.string() }).nullish()

export const serverType = z.object({
  name: z.string(),
  architecture: z.string(),
  disk: z.number(),
  prices: z.array(z.object({ location: z.string(), price_monthly: z.object({ net: money }) })),
  locations: z.array(z.object({ name: z.string(), available: z.boolean(), deprecation })),
  /** Of every location; what is newer stands with its location alone. */
  deprecation,
})

export type ServerType = z.infer<typeof serverType>
type Place = ServerType['locations'][number]

/**
 * Why a host cannot have its type at its location. Both architectures will do: what a host runs comes from Debian, and
 * the image for the architecture is chosen by the provider.
 */
export function serverTypeProblems(
  types: ServerType[],
  { serverType: wanted, location }: CloudSpec,
  { server }: OwnMachine,
): FieldProblem[] {
  // It runs, sold out or not.
  if (server?.server_type.name === wanted) return []
  const type = types.find(({ name }) => name === wanted)
  const why = type
    ? (notFor(type, server) ?? notAt(type, location))
    : `Hetzner Cloud has no server type ${wanted}`
  if (why === undefined) return []
  const instead = choices(
    offered(types, location, server),
    `nothing is free at ${location}: choose another location.`,
  )
  return [{ field: '/serverType', message: `${why}: ${instead}` }]
}

function notFor({ name, architecture, disk }: ServerType, server: OwnMachine['server']): string | undefined {
  if (!server) return undefined
  const own = server.server_type
  if (architecture !== own.architecture)
    return `A machine of type ${own.name} (${own.architecture}) never becomes a ${name} (${architecture})`
  if (disk < server.primary_disk_size)
    return `The disk of the machine has ${server.primary_disk_size} GB, that of ${name} only ${disk} GB`
  return undefined
}

function notAt(type: ServerType, location: string): string | undefined {
  const { name, locations } = type
  const place = placeOf(type, location)
  if (!place) {
    const elsewhere = locations.map((one) => one.name).join(', ')
    return `${name} is not offered at ${location}${elsewhere ? `, only at ${elsewhere}` : ''}`
  }
  const until = endOf(type, place)
  // A machine that is lost could not be made again.
  if (until) return `Hetzner withdraws ${name} at ${location}, and sells it until ${until.slice(0, 10)}`
  return place.available ? undefined : `${name} is sold out at ${location}`
}

const placeOf = ({ locations }: ServerType, location: string): Place | undefined =>
  locations.find(({ name }) => name === location)

const endOf = (type: ServerType, place: Place): string | undefined =>
  (place.deprecation ?? type.deprecation)?.unavailable_after

/** Types that can be had at a location, the cheapest first. */
function offered(types: ServerType[], location: string, server: OwnMachine['server']): string[] {
  const cost = ({ prices }: ServerType): Money | undefined =>
    prices.find((one) => one.location === location)?.price_monthly.net
  return types
    .filter((type) => !notFor(type, server) && !notAt(type, location))
    .flatMap((type) => {
      const net = cost(type)
      return net === undefined ? [] : [{ name: type.name, net }]
    })
    .toSorted((a, b) => byMoney(a.net, b.net) || byText(a.name, b.name))
    .map(({ name }) => name)
}
