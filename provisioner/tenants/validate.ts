import { canonicalCidr } from '../../common/cidr.ts'
import { type DatabaseWanted, sessionAlias } from './wanted.ts'

/** PostgreSQL's limit for names; PgBouncer refuses the whole file for one that is longer. */
const LONGEST_NAME = 63

/**
 * Why this row cannot be written into the files of a host, or undefined where it can. One bad row must fail
 * alone instead of making PgBouncer refuse everybody's files.
 */
export function invalidBecause(database: DatabaseWanted): string | undefined {
  if (!/^[a-z][a-z0-9_]*$/.test(database.name)) return 'its physical name has a character that is not allowed'
  if (sessionAlias(database.name).length > LONGEST_NAME) return 'its physical name is too long'
  if (!/^i[a-z0-9]{10}$/.test(database.instance)) return 'its instance has no valid name'
  if (!/^SCRAM-SHA-256\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+$/.test(database.verifier)) {
    return 'its password verifier is not valid'
  }
  if (!Number.isInteger(database.clients) || database.clients < 1) return 'its client limit is not valid'
  const rule = database.rules.find((cidr) => canonicalCidr(cidr) !== cidr)
  return rule === undefined ? undefined : `its allowlist rule ${rule} is not canonical`
}
