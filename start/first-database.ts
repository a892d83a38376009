import type { ApiClient, ApiDatabase } from './api-client.ts'
import { Refusal } from './say.ts'

export const FIRST_DATABASE = 'hello'

export type CreatedDatabase = ApiDatabase & { password: string; connectionString: string }

const WAIT = { prefer: 'wait=60' }

/**
 * Makes the first database through the public API. A start that was cut short before it could keep the password
 * repeats the same request and gets the same answer; where that answer is gone by now, a new password is set.
 */
export async function makeFirstDatabase(api: ApiClient): Promise<CreatedDatabase> {
  const body = { name: FIRST_DATABASE }
  const headers = { ...WAIT, 'idempotency-key': 'npm-start-first-database' }
  const made = await api.request<ApiDatabase>('POST', '/databases', body, headers)
  // One whose create failed for good stays wanted; the same request would only be told the same failure again.
  const failedBefore = made.body.code === 'AGENT_ERROR' && made.headers.get('idempotency-replayed') === 'true'
  if (made.body.code === 'DATABASE_EXISTS' || failedBefore) return await resetFirstDatabase(api)
  const database = withSecrets(made.body)
  if (!database)
    throw new Refusal(`The first database could not be made: ${made.body.detail ?? made.status}.`)
  return (await succeeded(api, database)) ? database : await resetFirstDatabase(api)
}

async function resetFirstDatabase(api: ApiClient): Promise<CreatedDatabase> {
  const listed = await api.request<{ data: ApiDatabase[] }>('GET', '/databases?limit=100')
  const found = listed.body.data?.find(({ name }) => name === FIRST_DATABASE)
  if (!found) throw new Refusal(`The database ${FIRST_DATABASE} cannot be listed: repeat npm start.`)
  const reset = await api.request<ApiDatabase>('POST', `/databases/${found.id}/reset-password`, {}, WAIT)
  const database = withSecrets({ ...found, ...reset.body })
  if (!database)
    throw new Refusal(`The first database got no password: ${reset.body.detail ?? reset.status}.`)
  if (await succeeded(api, database)) return database
  throw new Refusal(`The database ${FIRST_DATABASE} cannot be brought up: see GET /api/v1/operations.`)
}

function withSecrets(database: ApiDatabase): CreatedDatabase | undefined {
  const { password, connectionString } = database
  return password && connectionString ? { ...database, password, connectionString } : undefined
}

async function succeeded(api: ApiClient, database: CreatedDatabase): Promise<boolean> {
  if (!database.operation) return true
  return (await api.ended(database.operation.id)).state === 'succeeded'
}

/** What became of a database that an earlier start made. */
export async function databaseIsGone(api: ApiClient, id: string): Promise<boolean> {
  const { status, body } = await api.request<ApiDatabase>('GET', `/databases/${id}`)
  return status === 404 || body.status === 'deleting'
}
