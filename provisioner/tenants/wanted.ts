/** One PostgreSQL server process: one project on one host. */
export interface InstanceWanted {
  /** `i` and 10 characters of a-z, 0-9: also its OS user (`pgi-<name>`), unit, socket and storage. */
  name: string
  storageBytes: number
  memoryBytes: number
  maxConnections: number
}

/** A database with its login role and its two pool entries (`<name>` and `<name>_session`). */
export interface DatabaseWanted {
  /** Physical name of database and role: a-z, 0-9, _; at most 55 bytes, so that `_session` still fits 63. */
  name: string
  instance: string
  /** `closed`: no login by either entry, data kept. `absent`: dropped, and only because this list says so. */
  state: 'open' | 'closed' | 'absent'
  /** SCRAM verifier, the same string for PostgreSQL and PgBouncer. */
  verifier: string
  /** Canonical CIDRs that may connect. Empty: nobody. */
  rules: string[]
  /** Clients over both entries. */
  clients: number
}

/**
 * Everything that tenants want of one host. What stands on the host and not here is reported, never dropped:
 * dropping needs `state: 'absent'`.
 */
export interface TenantsWanted {
  instances: InstanceWanted[]
  databases: DatabaseWanted[]
}

export const sessionAlias = (name: string): string => `${name}_session`
