import { type ChildProcess, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { InstalledCode } from './code.ts'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'
import type { OsUsers } from './os-users.ts'
import { DATABASE_PORT, POSTGRES_HBA, postgresConf, postgresIdent } from './postgres-files.ts'
import { endProcesses, endProcessesOf, type FoundProcess, processesOf } from './processes.ts'
import { Refusal } from './say.ts'
import { isRunning, type Program, type Supervised, supervise } from './supervise.ts'

const FAST_SHUTDOWN_MS = 20_000

const dataDirOf = (installation: Installation): string => join(installation.stateDir, 'postgres', 'data')

/** Starts the control plane's own PostgreSQL and keeps it running; makes its data directory the first time. */
export async function startPostgres(
  installation: Installation,
  users: OsUsers,
  code: InstalledCode,
  report: (text: string) => void,
): Promise<Supervised> {
  prepareDirectories(installation, users)
  await endLeftovers(installation, users)
  initialise(installation, users, code)
  configure(installation, users)
  return supervise(postgresProgram(installation, users, code), report)
}

function prepareDirectories(installation: Installation, users: OsUsers): void {
  const own = (path: string, mode: number): void => {
    mkdirSync(path, { recursive: true, mode })
    chownSync(path, users.database, users.group)
    chmodSync(path, mode)
  }
  own(join(installation.stateDir, 'postgres'), 0o700)
  own(installation.databaseSocketDir, 0o750)
}

/**
 * Ends what a killed supervisor left, since only a child can be supervised. The user runs nothing but this server,
 * so its processes are known by their owner; the pid file is never asked, its number may be anybody's by now.
 */
async function endLeftovers(installation: Installation, users: OsUsers): Promise<void> {
  const found = processesOf([users.database])
  const isPostmaster = ({ argv }: FoundProcess): boolean => argv.includes(dataDirOf(installation))
  await endProcesses(found.filter(isPostmaster), 'SIGINT', FAST_SHUTDOWN_MS)
  await endProcessesOf([users.database], 0)
  rmSync(join(dataDirOf(installation), 'postmaster.pid'), { force: true })
  rmSync(join(installation.databaseSocketDir, `.s.PGSQL.${DATABASE_PORT}.lock`), { force: true })
}

/** A run that is cut short leaves only the folder of another name. */
function initialise(installation: Installation, users: OsUsers, code: InstalledCode): void {
  const target = dataDirOf(installation)
  const version = join(target, 'PG_VERSION')
  if (existsSync(version)) {
    checkVersion(readFileSync(version, 'utf8').trim(), code)
    return
  }
  const building = `${target}.new`
  rmSync(building, { recursive: true, force: true })
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const options = ['--username=postgres', '--auth=peer', '--data-checksums', '--no-instructions', ...locale]
  const done = spawnSync(join(code.postgres, 'bin', 'initdb'), ['-D', building, ...options], {
    ...{ uid: users.database, gid: users.group, cwd: '/', encoding: 'utf8' as const },
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC' },
  })
  if (done.status !== 0) throw new Error(`initdb failed: ${done.stderr.trim() || done.error?.message}`)
  renameSync(building, target)
}

function checkVersion(found: string, code: InstalledCode): void {
  const said = spawnSync(join(code.postgres, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' }).stdout
  const major = /(\d+)/.exec(said)?.[1]
  if (major === found) return
  throw new Refusal(
    `The control plane's data were written by PostgreSQL ${found} and this version brings ${major}: check out the version that wrote them.`,
  )
}

function configure(installation: Installation, users: OsUsers): void {
  const rights = { mode: 0o600, uid: users.database, gid: users.group }
  const write = (name: string, text: string): void =>
    writeFileAtomically(join(dataDirOf(installation), name), text, rights)
  write('postgresql.conf', postgresConf(installation))
  write('pg_hba.conf', POSTGRES_HBA)
  write('pg_ident.conf', postgresIdent(installation))
}

function postgresProgram(installation: Installation, users: OsUsers, code: InstalledCode): Program {
  return {
    name: 'PostgreSQL of the control plane',
    command: [join(code.postgres, 'bin', 'postgres'), '-D', dataDirOf(installation)],
    directory: join(installation.stateDir, 'postgres'),
    uid: users.database,
    gid: users.group,
    environment: () => ({}),
    logFile: join(installation.logDir, 'postgres.log'),
    ready: (child) => answers(installation.databaseSocketDir, child),
    stopSignal: 'SIGINT',
    stopMs: FAST_SHUTDOWN_MS,
    channel: false,
  }
}

async function answers(socketDir: string, child: ChildProcess): Promise<void> {
  while (isRunning(child)) {
    const client = new pg.Client({
      host: socketDir,
      port: DATABASE_PORT,
      user: 'postgres',
      database: 'postgres',
    })
    // An idle client's lost connection is an event of its own and would end this process.
    client.on('error', () => {})
    const connected = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => {})
    if (connected) return
    await sleep(25)
  }
}
