import { spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Clone } from '../start/clone.ts'

const clone = Clone.make()
test.after.always(() => clone.remove())

const EVENTS = ['preinstall', 'install', 'postinstall', 'prepare']

/** Runs npm in the clone. @throws with its words where it fails */
function npm(...args: string[]): void {
  const done = spawnSync('npm', [...args, '--no-audit', '--no-fund'], { cwd: clone.path, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`npm ${args[0]}: ${done.stdout}${done.stderr}`)
}

/** Scripts for each event of an installation, each leaving its mark in the clone. */
const scripts = (who: string): Record<string, string> =>
  Object.fromEntries(EVENTS.map((event) => [event, `touch "${clone.path}/ran-${who}-${event}"`]))
const marks = (): string[] => globSync('ran-*', { cwd: clone.path }).toSorted()

/** A package with scripts becomes a dependency, with its line in the lock file; the clone itself has some as well. */
function plant(): void {
  const source = join(clone.path, 'planted')
  mkdirSync(source)
  const about = { name: 'planted', version: '1.0.0', scripts: scripts('planted') }
  writeFileSync(join(source, 'package.json'), JSON.stringify(about))
  npm('pack', './planted', '--ignore-scripts')
  rmSync(source, { recursive: true })
  npm('install', '--package-lock-only', '--ignore-scripts', '--save-exact', './planted-1.0.0.tgz')
  const file = join(clone.path, 'package.json')
  const own = JSON.parse(readFileSync(file, 'utf8')) as { scripts: Record<string, string> }
  writeFileSync(file, JSON.stringify({ ...own, scripts: { ...own.scripts, ...scripts('own') } }))
  writeFileSync(join(clone.path, '.npmrc'), 'ignore-scripts=false\n')
}

test.serial('W11 a planted install script does not run when a fresh clone is prepared', (t) => {
  rmSync(join(clone.path, 'node_modules'), { recursive: true })
  plant()
  const enter = 'umask 0; exec node start/enter.js admin host list'
  const { status, stderr, stdout } = spawnSync('sh', ['-c', enter], { cwd: clone.path, encoding: 'utf8' })
  t.is(status, 1)
  t.regex(`${stdout}${stderr}`, /does not run from this folder/, 'npm ci went well, and Node 24 took over')
  t.true(existsSync(join(clone.path, 'node_modules/planted/package.json')))
  t.deepEqual(marks(), [])
  // The same scripts run where npm may run them.
  npm('rebuild', 'planted')
  t.true(marks().includes('ran-planted-postinstall'))
})

test.serial('W11 what the first command leaves in .dbhost is for root alone, under umask 0', (t) => {
  const directory = join(clone.path, '.dbhost')
  t.is(statSync(directory).mode & 0o777, 0o700)
  const names = readdirSync(directory)
  t.true(names.includes('install.log'))
  for (const name of names) t.is(statSync(join(directory, name)).mode & 0o777, 0o600, name)
})
