import { chooseApiPort } from './api-port.ts'
import { installCode, removeOldCode } from './code.ts'
import type { Installation } from './installation.ts'
import { ensureKeys } from './keys.ts'
import { ensureOsUsers } from './os-users.ts'
import { startPostgres } from './postgres.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { ensureRoles } from './postgres-roles.ts'
import { type Context, endLeftoverPrograms, serverProgram, workerProgram } from './programs.ts'
import { say } from './say.ts'
import { migrate } from './schema.ts'
import { type HostServices, openServices } from './services.ts'
import type { Shutdown } from './shutdown.ts'
import { type Supervised, supervise } from './supervise.ts'

export interface ControlPlane extends Context {
  /** Rows and queue, as the owner of the tables: what services need. */
  services: HostServices
  port: number
  /** `http://127.0.0.1:<port>` */
  origin: string
}

/** Brings up PostgreSQL with everything that server and worker need; they themselves are started last. */
export async function openControlPlane(
  installation: Installation,
  shutdown: Shutdown,
  wantedPort: number | undefined,
): Promise<ControlPlane> {
  say('Preparing OS users, keys and code')
  const users = await ensureOsUsers(installation)
  const ended = await endLeftoverPrograms({ users })
  if (ended > 0) say(`Ended ${ended} processes that an earlier start left`)
  const port = await chooseApiPort(installation, wantedPort)
  const keys = ensureKeys(installation, users)
  const code = installCode(installation)
  removeOldCode(installation, code)

  say('Starting PostgreSQL of the control plane')
  await running(await startPostgres(installation, users, code, say), shutdown)
  await shutdown.or(ensureRoles(installation.databaseSocketDir, DATABASE_PORT))
  await shutdown.or(migrate(installation))
  const { services, close } = await shutdown.or(openServices(installation, keys.boxPublicKey))
  shutdown.add({ name: 'the boot helper', stop: close, kill: () => {} })
  return { installation, users, keys, code, services, port, origin: `http://127.0.0.1:${port}` }
}

/** Starts server and worker, each as an OS user of its own, and waits until both serve. */
export async function startPrograms(plane: ControlPlane, shutdown: Shutdown): Promise<void> {
  say('Starting server and worker')
  const programs = [supervise(workerProgram(plane), say), supervise(serverProgram(plane, plane.port), say)]
  await Promise.all(programs.map((program) => running(program, shutdown)))
}

async function running(program: Supervised, shutdown: Shutdown): Promise<void> {
  shutdown.add({ name: `the ${program.name}`, stop: () => program.stop(), kill: () => program.kill() })
  await shutdown.or(program.ready)
}
