import type { StatePlace, StateSecrets } from '../api/operations/stacks/state-setting.ts'
import { PASSPHRASE } from '../stacks/environment.ts'
import { Refusal } from './say.ts'

type Environment = Record<string, string | undefined>

/** The word for where the state lies by itself. */
export const OWN = 'database'

const KNOWN = `Name ${OWN} (the control plane's own), postgres://user@host/database, file:///folder or s3://bucket/prefix?region=….`

/** Variables by which the libraries of a place or a key service find what opens it. */
const OPENS: Record<string, RegExp> = {
  'postgres:': /^PG(PASSWORD|SSLROOTCERT|SSLCERT|SSLKEY)$/,
  's3:': /^AWS_/,
  'awskms:': /^AWS_/,
  'azurekeyvault:': /^AZURE_/,
  'gcpkms:': /^GOOGLE_/,
  'hashivault:': /^VAULT_/,
}

function environmentFor(protocol: string, env: Environment): Record<string, string> {
  const names = OPENS[protocol]
  const wanted = Object.entries(env).filter(([name, value]) => names?.test(name) && value)
  return Object.fromEntries(wanted) as Record<string, string>
}

/**
 * A place for the state of stacks.
 * @param own the URL of the control plane's own @param env where credentials are looked for
 * @throws Refusal
 */
export function readPlace(text: string, own: string, env: Environment): StatePlace {
  if (text === OWN || text === own) return { backendUrl: own, environment: {} }
  const url = URL.parse(text)
  const check = url && CHECKS[url.protocol]
  if (!check) throw new Refusal(`${text} is no place for the state of stacks. ${KNOWN}`)
  // It would stand in the list of processes, and wherever the place is shown.
  if (url.password)
    throw new Refusal('Leave the password out of the address: set PGPASSWORD for this command.')
  const problem = check(url)
  if (problem) throw new Refusal(`${text} ${problem}`)
  return { backendUrl: text.replace(/\/+$/, ''), environment: environmentFor(url.protocol, env) }
}

const CHECKS: Record<string, (url: URL) => string | undefined> = {
  'postgres:': ({ hostname, pathname, searchParams }) =>
    (hostname || searchParams.has('host')) && /^\/[^/]+$/.test(pathname)
      ? undefined
      : 'names no host or no database: postgres://user@host/database.',
  'file:': ({ hostname, pathname, search, hash }) =>
    hostname === '' && search === '' && hash === '' && /^(\/[\w.@+-]+)+\/?$/.test(pathname)
      ? undefined
      : 'is no absolute path of letters, digits and . _ - @ +: file:///srv/dbhost-state.',
  's3:': ({ hostname, username }) =>
    /^[a-z0-9][a-z0-9.-]+$/.test(hostname) && username === ''
      ? undefined
      : 'names no bucket: s3://bucket/prefix?region=….',
}

const SERVICES = 'awskms, azurekeyvault, gcpkms, hashivault'

/** What encrypts secrets in the state. @throws Refusal */
export function readSecrets(text: string, env: Environment): StateSecrets {
  if (text === PASSPHRASE) return { provider: text, environment: {} }
  const protocol = /^(awskms|azurekeyvault|gcpkms|hashivault):\/\/\S+$/.exec(text)?.[1]
  if (protocol === undefined)
    throw new Refusal(
      `${text} names no key: ${PASSPHRASE}, or the address of one (${SERVICES}), as in hashivault://dbhost.`,
    )
  return { provider: text, environment: environmentFor(`${protocol}:`, env) }
}

/** A place in words. */
export const describePlace = ({ backendUrl }: StatePlace, own: string): string =>
  backendUrl === own ? `${OWN}, the control plane's own PostgreSQL` : backendUrl
