import { IMAGES, type Image, LOCATIONS, SERVER_TYPES } from './catalog.ts'
import { ApiError } from './errors.ts'
import { nothing } from './fields.ts'
import { selecting } from './labels.ts'
import { type Filters, listing } from './paging.ts'
import { pricing } from './prices.ts'
import { type Route, route } from './router.ts'

const IMAGE_FILTERS: Filters<Image> = {
  type: (row, value) => row.type === value,
  status: (row, value) => row.status === value,
  architecture: (row, value) => row.architecture === value,
  label_selector: (row, value) => selecting(value)(row.labels),
  // None of these is deprecated, so this adds nothing.
  include_deprecated: () => true,
}

/** The calls that read a list which nobody changes. */
function catalog<Row extends { id: number; name: string }>(
  one: string,
  rows: Row[],
  filters: Filters<Row> = {},
): Route[] {
  const many = `${one}s`
  return [
    route('GET', `/${many}`, nothing, ({ query }) =>
      listing(query, {
        key: many,
        rows,
        view: (row) => row,
        filters: { name: (row, value) => row.name === value, ...filters },
      }),
    ),
    route('GET', `/${many}/:id`, nothing, ({ id }) => {
      const row = rows.find((candidate) => candidate.id === id)
      if (!row) throw new ApiError('not_found', `${one} with ID '${id}' not found`)
      return { status: 200, body: { [one]: row } }
    }),
  ]
}

export function catalogRoutes(): Route[] {
  const places = LOCATIONS.map(({ name }) => name)
  return [
    ...catalog('location', LOCATIONS),
    ...catalog('server_type', SERVER_TYPES),
    ...catalog('image', IMAGES, IMAGE_FILTERS),
    route('GET', '/pricing', nothing, () => ({
      status: 200,
      body: { pricing: pricing(places, SERVER_TYPES) },
    })),
  ]
}
