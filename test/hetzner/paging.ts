import { invalid } from './errors.ts'
import { type Labels, selecting } from './labels.ts'
import type { Reply } from './router.ts'

/** Of a query parameter; several values of one parameter mean any of them. */
export type Filters<Row> = Record<string, (row: Row, value: string) => boolean>

interface Listing<Row> {
  /** Of the answer. */
  key: string
  rows: Row[]
  view: (row: Row) => object
  filters?: Filters<Row>
  sorts?: string[]
  mostPerPage?: number
}

const number = (query: URLSearchParams, name: string, otherwise: number): number => {
  const text = query.get(name) ?? String(otherwise)
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid(name, 'must be a positive number')
  return Number(text)
}

/** Compares by every `sort` of the query, then by id. */
function order<Row extends object>(query: URLSearchParams, sorts: string[]): (a: Row, b: Row) => number {
  const wanted = [...query.getAll('sort'), 'id'].map((text) => {
    const [, field = '', direction] = /^(\w+)(?::(asc|desc))?$/.exec(text) ?? []
    if (!['id', ...sorts].includes(field)) throw invalid('sort', `cannot sort by ${text}`)
    return { field: field as keyof Row, sign: direction === 'desc' ? -1 : 1 }
  })
  return (a, b) => {
    const decisive = wanted.find(({ field }) => a[field] !== b[field])
    if (!decisive) return 0
    const [left, right] = [a[decisive.field] ?? '', b[decisive.field] ?? '']
    return left < right ? -decisive.sign : decisive.sign
  }
}

/** The answer to a list call: filtered, sorted, and one page of it. */
export function listing<Row extends object>(query: URLSearchParams, wanted: Listing<Row>): Reply {
  const { key, view, filters = {}, sorts = ['name', 'created'], mostPerPage = 50 } = wanted
  for (const name of new Set(query.keys())) {
    // A filter that is missing here would answer with everything, and the caller would believe it.
    const known = ['page', 'per_page', 'sort', ...Object.keys(filters)].includes(name)
    if (!known) throw invalid(name, 'is an unknown parameter')
  }
  const rows = wanted.rows
    .filter((row) =>
      Object.entries(filters).every(
        ([name, fits]) => !query.has(name) || query.getAll(name).some((value) => fits(row, value)),
      ),
    )
    .toSorted(order(query, sorts))
  const page = number(query, 'page', 1)
  const perPage = Math.min(number(query, 'per_page', 25), mostPerPage)
  const last = Math.max(1, Math.ceil(rows.length / perPage))
  const pagination = {
    page,
    per_page: perPage,
    previous_page: page > 1 ? page - 1 : null,
    next_page: page < last ? page + 1 : null,
    last_page: last,
    total_entries: rows.length,
  }
  const shown = rows.slice((page - 1) * perPage, page * perPage)
  return { status: 200, body: { [key]: shown.map(view), meta: { pagination } } }
}

/** The filters of everything that has a name and labels. */
export const namedFilters: Filters<{ name: string; labels: Labels }> = {
  name: (row, value) => row.name === value,
  label_selector: (row, value) => selecting(value)(row.labels),
}
