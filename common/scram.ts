import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { Secret } from './secret.ts'

const ITERATIONS = 4096

/** A password of 256 random bits, in characters that need no escaping in a URL. */
export function newPassword(): Secret {
  return new Secret(randomBytes(32).toString('base64url'))
}

/**
 * The SCRAM-SHA-256 verifier that PostgreSQL stores in `pg_authid.rolpassword` and PgBouncer reads from its
 * user list. Both must hold the same string, salt included.
 * Source: RFC 5802 section 3, PostgreSQL `src/common/scram-common.c`.
 */
export function scramVerifier(password: Secret, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.reveal(), salt, ITERATIONS, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  const serverKey = hmac('Server Key').toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}
