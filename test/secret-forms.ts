import { createHash } from 'node:crypto'

const HASHES = ['md5', 'sha1', 'sha256'] as const
/** Lines of a PEM file that say nothing by themselves are shorter. */
const SHORTEST = 16
/** Every private key of OpenSSH has this line. */
const OPENSSH = /^b3BlbnNzaC1rZXktdjE/

/** Everything in an answer that lets somebody in. */
export const secretsOf = (body: {
  password: string
  connectionString: string
  sessionConnectionString: string
}): string[] => [body.password, body.connectionString, body.sessionConnectionString]

/** A secret as it stands, line by line, and as programs would store it. @param hashes which hashes count as clear */
export function formsOf(secret: string, hashes: readonly (typeof HASHES)[number][] = HASHES): string[] {
  const says = (line: string): boolean =>
    line.length >= SHORTEST && !line.startsWith('-----') && !OPENSSH.test(line)
  const lines = secret.split('\n').filter(says)
  return [
    ...lines,
    encodeURIComponent(secret),
    ...(['base64', 'base64url', 'hex'] as const).map((encoding) => Buffer.from(secret).toString(encoding)),
    ...hashes.map((hash) => createHash(hash).update(secret).digest('hex')),
  ]
}
