import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { EntityManager } from '@mikro-orm/postgresql'
import { createApp } from '../api/app.ts'
import { createHttpServer } from '../api/middleware/http-server.ts'
import { Host, type HostUpdates } from '../api/model/host.ts'
import { openOrm } from '../api/model/orm.ts'
import { createApiKey, ensureAccount } from '../api/services/accounts.ts'
import { registerHost } from '../api/services/hosts.ts'
import { OperationWaiter } from '../api/services/operation-waiter.ts'
import { openQueue } from '../api/services/queue.ts'
import { createLogger } from '../common/log.ts'
import { type KeyRing, newBoxKeys, newKeyRing } from '../common/seal.ts'
import type { Secret } from '../common/secret.ts'
import { newDatabase, type TestDatabase } from './database.ts'
import { routesOf } from './routes-of.ts'
import { type Answer, type Sent, send } from './send.ts'
import { WorkerStandIn } from './worker-stand-in.ts'

export const CONTROL_PLANE = ['198.18.0.1/32', 'fd00:1::1/128']

const UPDATES: HostUpdates = {
  ...{ checkedAt: '2026-11-24T15:31:57.120Z', listsAt: '2026-11-24T04:00:02.000Z', rebootRequired: false },
  pending: [
    {
      ...{ package: 'libssl3t64', installed: '3.5.4-1~deb13u1', candidate: '3.5.4-1~deb13u2' },
      ...{ origin: 'Debian-Security', security: true },
    },
  ],
  restartsPending: ['dbus.service'],
}

/** The HTTP interface on a port of its own, over a database of its own, in the server's role. */
export interface TestApp {
  origin: string
  /** `GET /path/:id` of every route. */
  routes: string[]
  database: TestDatabase
  /** In the role of the owner, for what a test prepares. */
  em: EntityManager
  worker: WorkerStandIn
  accountId: string
  keyRing: KeyRing
  /** Of the account `local`, and an operator's. */
  key: Secret
  /** The one host: local, shared, ready. */
  host: Host
  /** Sends under `/api/v1` with the operator's key, unless another is given. */
  request: (method: string, path: string, sent?: Sent) => Promise<Answer>
  addHost: (name: string, tenancy?: 'shared' | 'dedicated') => Promise<Host>
  close: () => Promise<void>
}

export async function startApp(): Promise<TestApp> {
  const database = await newDatabase()
  const [ownerOrm, serverOrm, workerOrm] = await Promise.all([
    openOrm(database.owner, 4),
    openOrm(database.server, 20),
    openOrm(database.worker, 4),
  ])
  const log = createLogger('test', 'silent')
  const queue = await openQueue(database.server, { supervise: false })
  const waiter = new OperationWaiter(database.server, serverOrm.em, log)
  await waiter.open()
  const worker = new WorkerStandIn(workerOrm.em)
  const server = createHttpServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [keyRing, boxPublicKey] = [newKeyRing(), newBoxKeys().publicKey]
  const app = createApp({
    ...{ em: serverOrm.em, queue, waiter, log, keyRing, boxPublicKey, publicOrigin: origin },
  })
  server.on('request', app.callback())

  const em = ownerOrm.em
  const account = await ensureAccount(em)
  const { key } = await createApiKey(em, account.id, 'test', { operator: true })
  const addHost = async (name: string, tenancy: 'shared' | 'dedicated' = 'shared'): Promise<Host> => {
    const { host } = await registerHost({ em, queue, boxPublicKey }, null, { kind: 'local', name, tenancy })
    const spec = { ...host.spec, addresses: ['198.18.0.2', 'fd00:1::2'], controlPlane: CONTROL_PLANE }
    const seen = {
      observation: 'ready',
      observedAt: new Date(),
      convergedDigest: 'digest',
      ssh: { address: '198.18.0.2', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
      updates: UPDATES,
    } as const
    const caCertificate = `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`
    await em.fork().nativeUpdate(Host, { id: host.id }, { spec, caCertificate, ...seen })
    return await em.fork().findOneOrFail(Host, { id: host.id })
  }
  return {
    ...{ routes: routesOf(app) },
    ...{ origin, database, em, worker, keyRing, key, addHost, accountId: account.id },
    host: await addHost('local-1'),
    request: (method, path, sent = {}) => send(`${origin}/api/v1${path}`, method, { key, ...sent }),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await worker.stop()
      await waiter.close()
      await queue.close()
      await Promise.all([ownerOrm.close(), serverOrm.close(), workerOrm.close()])
    },
  }
}
