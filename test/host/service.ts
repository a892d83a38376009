import { readFileSync } from 'node:fs'
import type { MikroORM } from '@mikro-orm/postgresql'
import { Host } from '../../api/model/host.ts'
import { openOrm } from '../../api/model/orm.ts'
import { openHostKey } from '../../api/operations/host-keys.ts'
import { connectHost, type HostConnection } from '../../provisioner/ssh.ts'
import { describeInstallation, type Installation } from '../../start/installation.ts'
import { readBoxPrivateKey } from '../../start/keys.ts'
import { ownerAddress } from '../../start/schema.ts'
import type { Clone } from '../start/clone.ts'

/** A running service of a clone of its own, with the doors that only its operator has. */
export interface Service {
  installation: Installation
  orm: MikroORM
  host: Host
  /** Warm, as the worker's. */
  connection: HostConnection
  ca: string
  request: (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Answer }>
  close: () => Promise<void>
}

export interface Answer {
  id: string
  host: string
  port: number
  database: string
  username: string
  password: string
  detail?: string
}

/** A connection to a registered host, as the worker has one; `close` it. */
export async function connectTo(
  { installation, orm }: Pick<Service, 'installation' | 'orm'>,
  host: Host,
): Promise<HostConnection> {
  if (!host.ssh) throw new Error('the host has not booted yet')
  const privateKey = await openHostKey(orm.em, readBoxPrivateKey(installation), host)
  return await connectHost({ ...host.ssh, privateKey })
}

export async function openService(clone: Clone): Promise<Service> {
  const { apiUrl, apiKey, database } = clone.facts
  const installation = describeInstallation(clone.id, clone.path)
  const orm = await openOrm(ownerAddress(installation), 4)
  const host = await orm.em.fork().findOneOrFail(Host, { removedAt: null })
  if (!database) throw new Error('npm start left no database')
  const connection = await connectTo({ installation, orm }, host)
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=60' }
  return {
    ...{ installation, orm, host, connection },
    ca: readFileSync(database.caFile, 'utf8'),
    request: async (method, path, body) => {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await fetch(`${apiUrl}/api/v1${path}`, { method, headers, ...sent })
      const text = await response.text()
      return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer }
    },
    close: async () => {
      connection.close()
      await orm.close()
    },
  }
}
