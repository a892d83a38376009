/** What a fresh clone lacks before Node 24 can run: Debian packages and the packages of the lock file. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { refuse, say } from './refuse.js'

export const CLONE = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
/** What this clone keeps for itself; only root may look. */
export const PRIVATE = join(CLONE, '.dbhost')
/** Node 24 as the lock file has it. */
export const NODE = join(CLONE, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')

const MARKER = join(CLONE, 'node_modules', '.dbhost-installed')

const PACKAGES = [
  ...['systemd-container', 'mmdebstrap', 'debian-archive-keyring', 'nftables', 'iproute2', 'openssh-client'],
  ...['postgresql-client', 'e2fsprogs', 'util-linux', 'procps', 'passwd', 'ca-certificates'],
]

/** The lock belongs to the open file, so it vanishes with this process. @returns {number} the open file */
function lockInstalling() {
  mkdirSync(PRIVATE, { recursive: true, mode: 0o700 })
  chmodSync(PRIVATE, 0o700)
  if (process.getuid?.() === 0) chownSync(PRIVATE, 0, 0)
  const file = openSync(join(PRIVATE, 'install.lock'), 'a', 0o600)
  /** @param {string[]} options */
  const take = (...options) =>
    spawnSync('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'ignore', file] })
  if (take('--nonblock').status === 0) return file
  say('Waiting for another command that prepares this clone')
  if (take().status !== 0) refuse('.dbhost/install.lock cannot be locked: put the clone on a local disk.')
  return file
}

/** @param {string} program @param {string[]} args @param {Record<string, string>} [env] */
function run(program, args, env) {
  const options = { cwd: CLONE, env: { ...process.env, ...env }, maxBuffer: 2 ** 30 }
  const done = spawnSync(program, args, { ...options, encoding: 'utf8' })
  appendFileSync(
    join(PRIVATE, 'install.log'),
    `$ ${program} ${args.join(' ')}\n${done.stdout}${done.stderr}\n`,
    { mode: 0o600 },
  )
  return done.status === 0
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query
const DPKG_FORMAT = '${db:Status-Abbrev} ${Package}\n'

/** @returns {string[]} */
function missingPackages() {
  const query = spawnSync('dpkg-query', ['-W', '-f', DPKG_FORMAT, ...PACKAGES])
  const installed = new Set(query.stdout.toString().match(/(?<=^ii +)\S+/gm))
  return PACKAGES.filter((name) => !installed.has(name))
}

function installPackages() {
  const missing = missingPackages()
  if (missing.length === 0) return
  say(`Installing Debian packages: ${missing.join(' ')}`)
  const apt = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=2']
  const quiet = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  run('dpkg', ['--configure', '-a'], quiet)
  const reached = run('apt-get', [...apt, '-o', 'APT::Update::Error-Mode=any', 'update'], quiet)
  if (run('apt-get', [...apt, '--no-install-recommends', 'install', ...missing], quiet)) return
  if (!reached)
    refuse('No Debian package mirror answers: check the network and /etc/apt, then repeat the command.')
  refuse(
    `apt-get could not install ${missing.join(' ')}: read .dbhost/install.log, mend it, repeat the command.`,
  )
}

/** The marker tells which lock file was installed; an installation made by hand counts while it is newer. */
function modules() {
  const lock = join(CLONE, 'package-lock.json')
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex')
  const byHand = join(CLONE, 'node_modules', '.package-lock.json')
  if (!existsSync(NODE)) return { digest, current: false }
  if (existsSync(MARKER)) return { digest, current: readFileSync(MARKER, 'utf8') === digest }
  return { digest, current: existsSync(byHand) && statSync(byHand).mtimeMs >= statSync(lock).mtimeMs }
}

function installModules() {
  if (modules().current) return
  say('Installing packages from npm')
  rmSync(MARKER, { force: true })
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000']
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...patience]))
    refuse(
      'npm ci failed: check that the npm registry answers (.dbhost/install.log has its words), then repeat.',
    )
  if (!existsSync(NODE)) refuse(`npm has no Node 24 for ${process.arch}: use an x64 or arm64 machine.`)
  writeFileSync(MARKER, modules().digest)
}

/** Installs what is missing, one command of this clone at a time. @param {boolean} withPackages */
export function prepare(withPackages) {
  if (modules().current && !(withPackages && missingPackages().length > 0)) return
  const lock = lockInstalling()
  if (withPackages) installPackages()
  installModules()
  closeSync(lock)
}
