import { AppError } from '../../common/errors.ts'

/** One page and where the next one begins; ids grow with time, so the newest come first. */
export function pageOf<Row extends { id: string }, Shown>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Shown,
): { data: Shown[]; nextCursor: string | null } {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const nextCursor = rows.length > limit && last ? Buffer.from(last.id).toString('base64url') : null
  return { data: data.map(present), nextCursor }
}

/** Rows that come after the page that gave this cursor. @throws VALIDATION_ERROR where none of ours did */
export function olderThan(cursor: string | undefined): { id?: { $lt: string } } {
  if (cursor === undefined) return {}
  const id = Buffer.from(cursor, 'base64url').toString('utf8')
  if (/^[a-z]+_[0-9a-f]{32}$/.test(id)) return { id: { $lt: id } }
  const message = 'is not a cursor that an earlier page gave'
  throw new AppError('VALIDATION_ERROR', `cursor ${message}.`, { fields: [{ field: 'cursor', message }] })
}
