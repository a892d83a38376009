import test from 'ava'
import { z } from 'zod'
import { AppError } from '../../common/errors.ts'
import { createDatabaseBody } from '../schemas/databases.ts'
import { operationsQuery } from '../schemas/operations.ts'
import { checkBody, checkQuery } from './validate.ts'

const refusalOf = (act: () => unknown): Record<string, string> => {
  try {
    act()
  } catch (error) {
    if (error instanceof AppError) {
      return Object.fromEntries(error.fields.map(({ field, message }) => [field, message]))
    }
  }
  throw new Error('nothing was refused')
}

test('each wrong field of a body is named by a JSON pointer, in words for people', (t) => {
  const rules = [{ cidr: 7 }, { cidr: '', label: 'x'.repeat(101) }, 'text']
  const body = { displayName: '', allowlist: rules, allowWide: 1, 'a/b~c': 1 }
  t.deepEqual(
    refusalOf(() => checkBody(createDatabaseBody, body)),
    {
      '/name': 'is missing',
      '/displayName': 'must not be empty',
      '/allowlist/0/cidr': 'must be a text',
      '/allowlist/1/cidr': 'must not be empty',
      '/allowlist/1/label': 'must have at most 100 characters',
      '/allowlist/2': 'must be a JSON object',
      '/allowWide': 'must be true or false',
      '/a~1b~0c': 'is not a field of this request',
    },
  )
  t.deepEqual(
    refusalOf(() => checkBody(createDatabaseBody, [])),
    { '': 'must be a JSON object' },
  )
  t.deepEqual(
    refusalOf(() => checkBody(z.strictObject({ list: z.array(z.string()).max(1) }), { list: ['', ''] })),
    {
      '/list': 'must have at most 1 entries',
    },
  )
})

test('each wrong parameter is named', (t) => {
  t.deepEqual(
    refusalOf(() => checkQuery(operationsQuery, { limit: ['1', '2'] })),
    {
      limit: 'is given more than once',
    },
  )
  t.deepEqual(
    refusalOf(() => checkQuery(operationsQuery, { state: 'done', page: '2', limit: '0' })),
    {
      state: 'must be one of queued, running, succeeded, failed',
      page: 'is not a parameter of this address',
      limit: 'must be a number from 1 to 100',
    },
  )
})
