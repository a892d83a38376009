import { join } from 'node:path'
import type { InstalledCode } from './code.ts'
import type { Installation } from './installation.ts'
import { type InstallationKeys, stateFiles } from './keys.ts'
import type { OsUsers } from './os-users.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { DATABASE_NAME, ROLES } from './postgres-roles.ts'
import { endProcessesOf, processesOf } from './processes.ts'
import { engineFile, stackBackend, stackDirectory } from './stacks.ts'
import { type Program, saysReady } from './supervise.ts'
import { WorkerIdentity } from './worker-identity.ts'

const GRACE_MS = 10_000

export interface Context {
  installation: Installation
  users: OsUsers
  code: InstalledCode
  keys: InstallationKeys
}

function databaseEnvironment(installation: Installation, user: string): Record<string, string> {
  return {
    DBHOST_DATABASE_HOST: installation.databaseSocketDir,
    DBHOST_DATABASE_PORT: String(DATABASE_PORT),
    DBHOST_DATABASE_USER: user,
    DBHOST_DATABASE_NAME: DATABASE_NAME,
  }
}

type Common = Omit<Program, 'name' | 'command' | 'uid' | 'environment' | 'logFile'>

const common = ({ users, code }: Context): Common => ({
  directory: code.root,
  gid: users.group,
  ready: saysReady,
  stopSignal: 'SIGTERM',
  stopMs: 20_000,
  channel: true,
})

/** The HTTP server. @param port on loopback */
export function serverProgram(context: Context, port: number): Program {
  const { installation, users, code, keys } = context
  return {
    ...common(context),
    name: 'server',
    command: [code.node, join(code.root, 'api', 'server.ts')],
    uid: users.server,
    environment: () => ({
      ...databaseEnvironment(installation, ROLES.server),
      DBHOST_KEY_RING_FILE: keys.server.keyRing,
      DBHOST_BOX_PUBLIC_KEY_FILE: keys.server.boxPublicKey,
      DBHOST_LISTEN: `127.0.0.1:${port}`,
      DBHOST_PUBLIC_ORIGIN: `http://127.0.0.1:${port}`,
    }),
    logFile: join(installation.logDir, 'server.log'),
  }
}

/** The worker. Each that ever worked has an id of its own, and its successor learns it: those claims are free. */
export function workerProgram(context: Context): Program {
  const { installation, users, code, keys } = context
  const identity = new WorkerIdentity(join(installation.stateDir, 'worker.json'))
  return {
    ...common(context),
    name: 'worker',
    command: [code.node, join(code.root, 'api', 'worker.ts')],
    uid: users.worker,
    environment: () => ({
      ...databaseEnvironment(installation, ROLES.worker),
      DBHOST_KEY_RING_FILE: keys.worker.keyRing,
      DBHOST_BOX_PRIVATE_KEY_FILE: keys.worker.boxPrivateKey,
      DBHOST_STACK_BACKEND: stackBackend(installation),
      DBHOST_STACK_PASSPHRASE_FILE: keys.worker.stackPassphrase,
      DBHOST_STACK_DIRECTORY: stackDirectory(context),
      DBHOST_STACK_STATE_FILE: stateFiles(installation).worker,
      DBHOST_ENGINE_FILE: engineFile(installation),
      DBHOST_HCLOUD_FILE: keys.worker.cloud,
      DBHOST_INSTALLATION: installation.id,
      ...identity.next(),
    }),
    ready: async (child) => {
      await saysReady(child)
      identity.hasWorked()
    },
    logFile: join(installation.logDir, 'worker.log'),
  }
}

/** Ends servers and workers that a killed start left; at most one worker may believe in its claims. */
export async function endLeftoverPrograms({ users }: Pick<Context, 'users'>): Promise<number> {
  const uids = [users.server, users.worker]
  const left = processesOf(uids).length
  await endProcessesOf(uids, GRACE_MS)
  return left
}
