import { z } from 'zod'
import type { Secret } from '../../common/secret.ts'
import type { AllowlistRule } from '../model/allowlist-rule.ts'
import type { Database } from '../model/database.ts'
import type { Operation } from '../model/operation.ts'
import { name, oneLine, reference, rule } from './fields.ts'
import { presentOperation } from './operations.ts'

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

const MINUTES_RULE = 'must be a whole number from 1 to 60'

export const cleanupBody = z.strictObject({
  minutes: z
    .number(MINUTES_RULE)
    .refine((minutes) => Number.isInteger(minutes) && minutes >= 1 && minutes <= 60, MINUTES_RULE)
    .default(30),
})

/** Connections to a database whose owner makes room; the host enforces it. */
const CLEANUP_CONNECTIONS = 3

const addressOf = (database: Database) => {
  const { spec } = database.instance.host
  return { host: spec.addresses[0] ?? '', port: spec.ports.pooler }
}

const time = (date: Date | null | undefined): string | null => date?.toISOString() ?? null

/** How full the storage of the database's project on its host is; null where nothing was measured yet. */
function presentStorage({ instance, cleanupUntil }: Database) {
  return {
    usedBytes: instance.storageUsed ?? null,
    limitBytes: instance.storageLimit ?? instance.storageBytes,
    state: instance.storageState ?? 'unknown',
    cleanupUntil: cleanupUntil && cleanupUntil > new Date() ? time(cleanupUntil) : null,
    measuredAt: time(instance.storageMeasuredAt),
  }
}

/** Wrong passwords of the last 24 hours, by those addresses that most of them came from. */
const presentFailedLogins = ({ failedLogins }: Database) => ({
  last24Hours: failedLogins?.reduce((sum, { count }) => sum + count, 0) ?? 0,
  addresses: failedLogins ?? [],
})

export const presentCleanup = (database: Database, operation: Operation) => ({
  until: time(database.cleanupUntil),
  connections: CLEANUP_CONNECTIONS,
  storage: presentStorage(database),
  operation: presentOperation(operation),
})

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
    sizeBytes: database.sizeBytes ?? null,
    storage: presentStorage(database),
    failedLogins: presentFailedLogins(database),
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
