import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

export const DEFAULT_MIRROR = 'http://deb.debian.org/debian'
const DEFAULT_SECURITY = 'http://deb.debian.org/debian-security'

// What a bought Debian server has before anything is configured on it. What the service needs comes by the
// provisioner over SSH, as on a bought server.
const PACKAGES = [
  'ca-certificates',
  'dbus',
  'e2fsprogs',
  'iproute2',
  'iputils-ping',
  'kmod',
  'less',
  'libpam-systemd',
  'nftables',
  'openssh-server',
  'procps',
  'systemd',
  'systemd-sysv',
  'tzdata',
  'unattended-upgrades',
]

export interface Recipe {
  packages: string[]
  sources: string
  /** Lines of apt configuration that hold while building and in the machine. */
  aptSettings: string[]
  /** File name to PEM text: authorities that this computer's administrator added. */
  authorities: Record<string, string>
}

/** Where security updates come from: next to the mirror where it has them, else Debian's own. */
async function securityMirror(mirror: string): Promise<string> {
  if (mirror === DEFAULT_MIRROR) return DEFAULT_SECURITY
  const beside = `${mirror}-security`
  try {
    const answer = await fetch(`${beside}/dists/trixie-security/InRelease`, {
      method: 'HEAD',
      signal: AbortSignal.timeout(5000),
    })
    return answer.ok ? beside : DEFAULT_SECURITY
  } catch {
    return DEFAULT_SECURITY
  }
}

/** The deb822 text of the machine's package sources. */
export function sourcesText(mirror: string, security: string): string {
  const stanza = (uri: string, suites: string): string =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\n` +
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n'
  return `${stanza(mirror, 'trixie trixie-updates')}\n${stanza(security, 'trixie-security')}`
}

/** The lines of `apt-config dump` that say how packages are reached: proxies, and checks of dates. */
export function reachSettings(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => /^Acquire::(?:https?::(?:Proxy|Proxy::[^ ]+)|Check-[\w-]+) "[^"]+";$/.test(line))
}

/** Proxies on this computer's loopback are of no use to a machine, which has a loopback of its own. */
export const machineSettings = (settings: readonly string[]): string[] =>
  settings.filter((line) => !/"https?:\/\/(?:[^@/]*@)?(?:127\.|localhost\b|\[::1\])/.test(line))

async function authorities(): Promise<Record<string, string>> {
  const directory = '/usr/local/share/ca-certificates'
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.crt')).toSorted()
  const entries = names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)
  return Object.fromEntries(await Promise.all(entries))
}

/** The recipe of a machine's image on this computer as it is now. */
export async function readRecipe(mirror: string): Promise<Recipe> {
  const dump = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire'])
  return {
    packages: PACKAGES,
    sources: sourcesText(mirror, await securityMirror(mirror)),
    aptSettings: reachSettings(dump),
    authorities: await authorities(),
  }
}

/** Names the image: another recipe is another image. */
export const recipeDigest = (recipe: Recipe): string =>
  createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 16)
