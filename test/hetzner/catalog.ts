import { invalid } from './errors.ts'
import { serverPrices } from './prices.ts'

interface Found {
  id: number
  name: string
}

const location = (
  ...[id, name, country, city, latitude, longitude, network_zone]: [
    number,
    string,
    string,
    string,
    number,
    number,
    string,
  ]
) => ({ id, name, description: `${city} DC Park 1`, country, city, latitude, longitude, network_zone })

export type Location = ReturnType<typeof location>

export const LOCATIONS: Location[] = [
  location(1, 'fsn1', 'DE', 'Falkenstein', 50.47612, 12.370071, 'eu-central'),
  location(2, 'nbg1', 'DE', 'Nuremberg', 49.452102, 11.076665, 'eu-central'),
  location(3, 'hel1', 'FI', 'Helsinki', 60.169855, 24.938379, 'eu-central'),
  location(4, 'ash', 'US', 'Ashburn, VA', 39.045821, -77.487073, 'us-east'),
  location(5, 'hil', 'US', 'Hillsboro, OR', 45.54222, -122.951924, 'us-west'),
  location(6, 'sin', 'SG', 'Singapore', 1.283333, 103.833333, 'ap-southeast'),
]

const EUROPE = ['fsn1', 'nbg1', 'hel1']
const EVERYWHERE = LOCATIONS.map(({ name }) => name)

interface Plan {
  category: 'cost_optimized' | 'regular_purpose' | 'general_purpose'
  cpu: 'shared' | 'dedicated'
  architecture: 'x86' | 'arm'
  at: string[]
  /** Where none is to be had for now. */
  soldOutAt?: string[]
  withdrawn?: { announced: string; unavailable_after: string }
}

const COST: Plan = { category: 'cost_optimized', cpu: 'shared', architecture: 'x86', at: EUROPE }
const ARM: Plan = { ...COST, architecture: 'arm' }
const REGULAR: Plan = { category: 'regular_purpose', cpu: 'shared', architecture: 'x86', at: EVERYWHERE }
const SOLD_OUT: Plan = { ...REGULAR, soldOutAt: ['fsn1'] }
const WITHDRAWN: Plan = {
  ...COST,
  withdrawn: { announced: '2026-09-01T00:00:00+00:00', unavailable_after: '2099-01-01T00:00:00+00:00' },
}
const GENERAL: Plan = { category: 'general_purpose', cpu: 'dedicated', architecture: 'x86', at: EVERYWHERE }

const serverType = (
  { category, cpu, architecture, at, soldOutAt = [], withdrawn }: Plan,
  ...[id, name, cores, memory, disk, monthly]: [number, string, number, number, number, number]
) => ({
  id,
  name,
  description: name.toUpperCase(),
  category,
  cores,
  memory,
  disk,
  storage_type: 'local',
  cpu_type: cpu,
  architecture,
  deprecated: withdrawn !== undefined,
  deprecation: withdrawn ?? null,
  prices: at.map((place) => serverPrices(place, monthly)),
  locations: LOCATIONS.filter((place) => at.includes(place.name)).map((place) => ({
    id: place.id,
    name: place.name,
    recommended: false,
    available: !soldOutAt.includes(place.name),
    deprecation: withdrawn ?? null,
  })),
})

export type ServerType = ReturnType<typeof serverType>

/** Cores, memory and disk are those of the real types; ids and prices are only of their size. */
export const SERVER_TYPES: ServerType[] = [
  serverType(SOLD_OUT, 22, 'cpx11', 2, 2, 40, 4.99),
  serverType(ARM, 45, 'cax11', 2, 4, 40, 3.99),
  serverType(GENERAL, 96, 'ccx13', 2, 8, 80, 12.99),
  serverType(GENERAL, 97, 'ccx23', 4, 16, 160, 24.99),
  serverType(WITHDRAWN, 104, 'cx22', 2, 4, 40, 3.79),
  serverType(REGULAR, 109, 'cpx22', 2, 4, 80, 7.99),
  serverType(REGULAR, 110, 'cpx32', 4, 8, 160, 13.99),
  serverType(COST, 114, 'cx23', 2, 4, 40, 3.99),
  serverType(COST, 115, 'cx33', 4, 8, 80, 5.99),
  serverType(COST, 116, 'cx43', 8, 16, 160, 10.99),
]

const image = (id: number, version: string, architecture: 'x86' | 'arm', created: string) => ({
  id,
  status: 'available',
  type: 'system',
  name: `debian-${version}`,
  description: `Debian ${version}`,
  image_size: null,
  disk_size: 5,
  created,
  created_from: null,
  bound_to: null,
  os_flavor: 'debian',
  os_version: version,
  architecture,
  rapid_deploy: true,
  protection: { delete: false },
  deprecated: null,
  deleted: null,
  labels: {},
})

export type Image = ReturnType<typeof image>

export const IMAGES: Image[] = [
  image(114690387, '12', 'x86', '2023-06-13T06:00:00Z'),
  image(114690389, '12', 'arm', '2023-06-13T06:00:00Z'),
  image(310554929, '13', 'x86', '2025-08-18T06:15:25Z'),
  image(310554930, '13', 'arm', '2025-08-18T06:15:25Z'),
]

/** By id, also written as text, or by name. Throws `invalid_input` of `field`. */
function picked<Row extends Found>(rows: Row[], wanted: number | string, field: string): Row {
  const row = rows.find(({ id, name }) => id === Number(wanted) || name === wanted)
  if (!row) throw invalid(field, `'${wanted}' not found`)
  return row
}

export const locationOf = (wanted: number | string): Location => picked(LOCATIONS, wanted, 'location')
export const serverTypeOf = (wanted: number | string): ServerType =>
  picked(SERVER_TYPES, wanted, 'server_type')

/** A name stands for one image of each architecture. */
export const imageOf = (wanted: number | string, architecture: string): Image =>
  picked(
    IMAGES.filter((one) => one.architecture === architecture),
    wanted,
    'image',
  )
