import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import { MIGRATIONS } from '../migrations/list.ts'
import { Account } from './account.ts'
import { AllowlistRule } from './allowlist-rule.ts'
import { ApiKey } from './api-key.ts'
import { AuditEvent } from './audit-event.ts'
import { Database } from './database.ts'
import { Host } from './host.ts'
import { HostCredential } from './host-credential.ts'
import { HostRevision } from './host-revision.ts'
import { IdempotencyRecord } from './idempotency-record.ts'
import { Instance } from './instance.ts'
import { LocalMachine } from './local-machine.ts'
import { Operation } from './operation.ts'
import { OperationStep } from './operation-step.ts'
import { Plan } from './plan.ts'
import { Project } from './project.ts'

export interface DatabaseAddress {
  /** Directory of the Unix socket, or a host name. */
  host: string
  port: number
  user: string
  database: string
}

/** The control plane's own database. @param size connections in the pool */
export function openOrm(address: DatabaseAddress, size = 10): Promise<MikroORM> {
  return MikroORM.init({
    ...{ host: address.host, port: address.port, user: address.user, dbName: address.database },
    entities: [
      ...[Plan, Account, Project, ApiKey, Host, HostCredential, LocalMachine, Instance, Database],
      ...[HostRevision, AllowlistRule, Operation, OperationStep, AuditEvent, IdempotencyRecord],
    ],
    extensions: [Migrator],
    migrations: { migrationsList: MIGRATIONS, snapshot: false },
    schemaGenerator: { ignoreSchema: ['boss'] },
    pool: { min: 0, max: size },
    forceUtcTimezone: true,
    discovery: { warnWhenNoEntities: false },
  })
}
