/** The one way in: prepares a fresh clone until Node 24 can run, then hands over. Needs nothing but Node 20. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { CLONE, NODE, PRIVATE, prepare } from './install.js'
import { refuse, STARTED_AT } from './refuse.js'

const GB = 1024 ** 3
/** @type {Record<string, {file: string, machines: boolean, root: boolean}>} `machines`: may boot one here */
const COMMANDS = {
  start: { file: 'start/start.ts', machines: true, root: true },
  test: { file: 'test/run.ts', machines: true, root: true },
  soak: { file: 'test/soak/run.ts', machines: true, root: true },
  bench: { file: 'bench/run.ts', machines: true, root: true },
  reset: { file: 'start/reset.ts', machines: false, root: true },
  admin: { file: 'start/admin.ts', machines: false, root: true },
  plan: { file: 'start/plan.ts', machines: false, root: true },
  engine: { file: 'start/engine-command.ts', machines: false, root: true },
  stack: { file: 'start/stack.ts', machines: false, root: true },
  'stack-state': { file: 'start/stack-state.ts', machines: false, root: true },
  doctor: { file: 'start/doctor.ts', machines: false, root: true },
  check: { file: 'test/check.ts', machines: false, root: false },
}

const CHANGES =
  'This changes your computer: Debian packages that are missing, one network link per machine, one nft table, ' +
  'IP forwarding, OS users dbhost-*, /var/lib/dbhost, /var/cache/dbhost (npm run reset takes it back); where Go is ' +
  'installed and no Pulumi engine, modules in the cache of Go (DBHOST_ENGINE=direct does without).'

/** @param {{file: string, machines: boolean, root: boolean}} command */
function refuseUnfit(command) {
  if (process.platform !== 'linux') refuse('DBHost needs Linux: run it on a Debian 12 or 13 machine.')
  if (!existsSync(join(CLONE, 'package-lock.json')))
    refuse('package-lock.json is missing: clone DBHost again.')
  if (!command.root) return
  if (process.getuid?.() !== 0)
    refuse('DBHost boots machines and needs root: run the same command with sudo.')
  const release = readFileSync('/etc/os-release', 'utf8')
  const version = /^VERSION_ID="?(\d+)/m.exec(release)?.[1] ?? '13'
  if (!/^ID=debian$/m.test(release) || !['12', '13'].includes(version))
    refuse('DBHost is made for Debian 12 and 13, which this is not: run it on one of them.')
  if (!command.machines) return
  const disk = statfsSync('/var/lib')
  const free = (disk.bavail * disk.bsize) / GB
  const needed = existsSync(join(PRIVATE, 'start.json')) ? 1 : 6
  if (free < needed)
    refuse(`Only ${free.toFixed(1)} GB are free where /var/lib lies: make room for at least ${needed} GB.`)
}

/** @param {string} file @param {string[]} args */
function handOver(file, args) {
  const path = `${join(CLONE, 'node_modules', '.bin')}:${process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`
  const env = { INIT_CWD: process.cwd(), ...process.env, PATH: path, DBHOST_ENTERED_AT: String(STARTED_AT) }
  // The channel tells the program when this process is gone, so that it never runs on unseen.
  const child = spawn(NODE, [join(CLONE, file), ...args], {
    ...{ cwd: CLONE, env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] },
  })
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal))
  child.on('error', (error) => refuse(`Node 24 does not run here: ${error.message}.`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)))
}

const [name = '', ...args] = process.argv.slice(2)
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
if (!command) refuse(`Say what to do: node start/enter.js <${Object.keys(COMMANDS).join('|')}>.`)
process.umask(0o022)
refuseUnfit(command)
if (name === 'start') console.log(CHANGES)
prepare(command.machines)
handOver(command.file, args)
