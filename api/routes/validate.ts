import type { z } from 'zod'
import { AppError, type FieldProblem } from '../../common/errors.ts'

const TYPES: Record<string, string> = {
  ...{ string: 'a text', boolean: 'true or false', array: 'a list', object: 'a JSON object' },
}

/** What is wrong with a value, where its schema does not say so itself. */
const explain: z.core.$ZodErrorMap = (issue) => {
  const entries = issue.code === 'too_big' && issue.origin === 'array' ? 'entries' : 'characters'
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${TYPES[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`
    case 'too_small':
      return 'must not be empty'
    case 'too_big':
      return `must have at most ${issue.maximum} ${entries}`
    default:
      return undefined
  }
}

/** RFC 6901. */
const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  nameOf: (path: readonly PropertyKey[]) => string,
  unknown: string,
): z.output<Schema> {
  const result = schema.safeParse(value, { error: explain })
  if (result.success) return result.data
  const fields = result.error.issues.flatMap((issue): FieldProblem[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: nameOf([...issue.path, key]), message: unknown }))
      : [{ field: nameOf(issue.path), message: issue.message }],
  )
  const [first] = fields
  const detail = first ? `${first.field || 'The body'} ${first.message}.` : 'The request is not valid.'
  throw new AppError('VALIDATION_ERROR', detail, { fields })
}

/** @throws VALIDATION_ERROR with a JSON pointer to each field that is wrong */
export const checkBody = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> =>
  check(schema, body, pointerTo, 'is not a field of this request')

/** @throws VALIDATION_ERROR with the name of each parameter that is wrong */
export function checkQuery<Schema extends z.ZodType>(
  schema: Schema,
  query: Record<string, string | string[] | undefined>,
): z.output<Schema> {
  for (const [field, value] of Object.entries(query)) {
    if (!Array.isArray(value)) continue
    const message = 'is given more than once'
    throw new AppError('VALIDATION_ERROR', `${field} ${message}.`, { fields: [{ field, message }] })
  }
  return check(schema, query, (path) => path.join('.'), 'is not a parameter of this address')
}
