import { z } from 'zod'
import type { Secret } from '../../common/secret.ts'
import type { AllowlistRule } from '../model/allowlist-rule.ts'
import type { Database } from '../model/database.ts'
import { name, oneLine, reference, rule } from './fields.ts'

export const createDatabaseBody = z.strictObject({
  name,
  displayName: oneLine(100).optional(),
  allowlist: z.array(rule).max(100).optional(),
  allowWide: z.boolean().optional(),
  project: reference.optional(),
  host: reference.optional(),
})

export const allowlistBody = z.strictObject({
  rules: z.array(rule).max(100),
  allowWide: z.boolean().optional(),
})

export const emptyBody = z.strictObject({})

const addressOf = (database: Database) => {
  const { spec } = database.instance.host
  return { host: spec.addresses[0] ?? '', port: spec.ports.pooler }
}

/** What everybody who may see the database sees of it. */
export function presentDatabase(database: Database) {
  return {
    id: database.id,
    name: database.name,
    displayName: database.displayName,
    project: { id: database.project.id, name: database.project.name },
    hostId: database.instance.host.id,
    ...addressOf(database),
    database: database.physicalName,
    username: database.physicalName,
    status: database.status,
    failure: database.failure ?? null,
    createdAt: database.createdAt.toISOString(),
  }
}

export const presentRules = (rules: readonly AllowlistRule[]) =>
  rules.map(({ cidr, label }) => ({ cidr, label: label ?? null }))

const urlOf = (database: Database, password: Secret, entry: string): string => {
  const { host, port } = addressOf(database)
  const where = host.includes(':') ? `[${host}]` : host
  return `postgresql://${database.physicalName}:${password.reveal()}@${where}:${port}/${entry}?sslmode=verify-full`
}

/** What a program needs to connect; shown with a new password only. */
export function presentAccess(database: Database, password: Secret, publicOrigin: string) {
  const { host } = database.instance
  return {
    password: password.reveal(),
    connectionString: urlOf(database, password, database.physicalName),
    sessionConnectionString: urlOf(database, password, `${database.physicalName}_session`),
    caCertificate: host.caCertificate ?? '',
    caUrl: `${publicOrigin}/api/v1/hosts/${host.id}/ca.pem`,
  }
}
