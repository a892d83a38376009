import { type ZodType, z } from 'zod'
import { ApiError } from './errors.ts'
import { nothing } from './fields.ts'
import type { Labels } from './labels.ts'
import { type Filters, listing, namedFilters } from './paging.ts'
import type { Named } from './records.ts'
import { type Reply, type Route, route } from './router.ts'
import type { Table } from './store.ts'
import { resourceOf, started, type World } from './world.ts'

interface Collection<Row extends Named> {
  table: Table<Row>
  /** Of the path and of a list. */
  many: string
  view: (row: Row) => object
  filters?: Filters<Row>
}

/** The calls that read: a list, and one of it. */
export function reading<Row extends Named>({ table, many, view, filters }: Collection<Row>): Route[] {
  return [
    route('GET', `/${many}`, nothing, ({ query }) =>
      listing(query, { key: many, rows: table.all(), view, filters: { ...namedFilters, ...filters } }),
    ),
    route('GET', `/${many}/:id`, nothing, ({ id }) => shown(table, view, table.need(id))),
  ]
}

/** The answer with one row. */
const shown = <Row extends Named>(table: Table<Row>, view: (row: Row) => object, row: Row): Reply => ({
  status: 200,
  body: { [table.noun]: view(row) },
})

/** The call that changes name and labels. @param more what else it changes */
export function changing<
  Row extends Named,
  Change extends { name?: string | undefined; labels?: Labels | undefined },
>(
  { table, many, view }: Collection<Row>,
  schema: ZodType<Change>,
  more?: (row: Row, body: Change) => void,
): Route {
  return route('PUT', `/${many}/:id`, schema, ({ id, body }) => {
    const row = table.need(id)
    const { name = row.name, labels = row.labels } = body
    table.refuseTaken(name, id)
    Object.assign(row, { name, labels })
    more?.(row, body)
    return shown(table, view, row)
  })
}

export function refuseProtected(row: Named & { protection: { delete: boolean } }): void {
  if (row.protection.delete) throw new ApiError('protected', `${row.name} is protected from deletion`)
}

/** The call that switches the protection from deletion. */
export function protecting<Row extends Named & { protection: { delete: boolean } }>(
  world: World,
  { table, many }: Collection<Row>,
  refuse?: (row: Row) => void,
): Route {
  const schema = z.strictObject({ delete: z.boolean() })
  return route('POST', `/${many}/:id/actions/change_protection`, schema, ({ id, body }) => {
    const row = table.need(id)
    if (body.delete) refuse?.(row)
    const work = (): void => {
      row.protection = { delete: body.delete }
    }
    const resources = [resourceOf(table, row)]
    return started(world, world.actions.run({ command: 'change_protection', resources, work }))
  })
}
