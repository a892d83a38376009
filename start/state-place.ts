import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
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
 * A place for the state of stacks, in the one spelling by which it is known.
 * @param own the URL of the control plane's own @param env where credentials are looked for
 * @param lost folders that do not outlive the installation, besides those that do not outlive a boot
 * @throws Refusal
 */
export function readPlace(text: string, own: string, env: Environment, lost: readonly string[]): StatePlace {
  if (text === OWN || text === own) return { backendUrl: own, environment: {} }
  const url = URL.parse(text)
  const spell = url && SPELLINGS[url.protocol]
  if (!spell) throw new Refusal(`${text} is no place for the state of stacks. ${KNOWN}`)
  // It would stand in the list of processes, and wherever the place is shown.
  if (url.password || [...url.searchParams.keys()].some((name) => /password|secret|token/i.test(name)))
    throw new Refusal('Leave what opens it out of the address: set PGPASSWORD or AWS_… for this command.')
  url.searchParams.sort()
  return { backendUrl: spell(url, lost), environment: environmentFor(url.protocol, env) }
}

const SPELLINGS: Record<string, (url: URL, lost: readonly string[]) => string> = {
  'postgres:': ({ href, hostname, pathname, searchParams }) => {
    if ((hostname || searchParams.has('host')) && /^\/[^/]+$/.test(pathname)) return href
    throw new Refusal(`${href} names no host or no database: postgres://user@host/database.`)
  },
  'file:': ({ href, hostname, pathname, search, hash }, lost) => {
    if (hostname !== '' || search !== '' || hash !== '' || !/^(\/[\w.@+-]+)+\/?$/.test(pathname))
      throw new Refusal(
        `${href} is no absolute path of letters, digits and . _ - @ +: file:///srv/dbhost-state.`,
      )
    const folder = realPath(pathname.replace(/\/$/, ''))
    const within = [...lost, ...VOLATILE].find((one) => folder === one || folder.startsWith(`${one}/`))
    if (within !== undefined)
      throw new Refusal(`What lies in ${within} is lost with it, or at a boot: name another folder.`)
    return `file://${folder}`
  },
  's3:': ({ href, hostname, pathname, username, search }) => {
    const prefix = pathname.replace(/\/+$/, '')
    if (/^[a-z0-9][a-z0-9.-]+$/.test(hostname) && username === '' && /^(\/[\w.@+-]+)*$/.test(prefix))
      return `s3://${hostname}${prefix}${search}`
    throw new Refusal(
      `${href} names no bucket, or a prefix of other signs than letters, digits and . _ - @ +: s3://bucket/prefix?region=….`,
    )
  },
}

const VOLATILE = ['/tmp', '/run', '/dev', '/proc', '/sys']

/** Without links, as far as it is there. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  return join(realPath(dirname(path)), basename(path))
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

/** Both are opened by one environment. @throws Refusal where they want different values of one variable */
export function refuseConflict(place: StatePlace, ...keys: StateSecrets[]): void {
  for (const { provider, environment } of keys)
    for (const [name, value] of Object.entries(environment))
      if ((place.environment[name] ?? value) !== value)
        throw new Refusal(
          `The place of the state and ${provider} want different values of ${name}: give both one that may do both.`,
        )
}

/** A place in words. */
export const describePlace = ({ backendUrl }: StatePlace, own: string): string =>
  backendUrl === own ? `${OWN}, the control plane's own PostgreSQL` : backendUrl
