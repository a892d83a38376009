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

/** The id that a page ended with. @throws VALIDATION_ERROR where the cursor is none of ours */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const id = Buffer.from(cursor, 'base64url').toString('utf8')
  if (/^[a-z]+_[0-9a-f]{32}$/.test(id)) return id
  const message = 'is not a cursor that an earlier page gave'
  throw new AppError('VALIDATION_ERROR', `cursor ${message}.`, { fields: [{ field: 'cursor', message }] })
}
