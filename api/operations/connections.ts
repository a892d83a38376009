import type { EntityManager } from '@mikro-orm/postgresql'
import type { Secret } from '../../common/secret.ts'
import type { HostAccess } from '../../hosts/host-spec.ts'
import { connectHost, type HostConnection } from '../../provisioner/ssh.ts'
import type { Host } from '../model/host.ts'
import { openHostKey } from './host-keys.ts'

const CONNECT_DEADLINE_MS = 10_000

/** One warm SSH connection per host. */
export class Connections {
  readonly #em: EntityManager
  readonly #boxKey: Secret
  readonly #open = new Map<string, { connection: HostConnection; target: string }>()
  readonly #opening = new Map<string, Promise<HostConnection>>()

  constructor(em: EntityManager, boxKey: Secret) {
    this.#em = em
    this.#boxKey = boxKey
  }

  /** @throws HostError where the host does not answer, shows another key, or refuses ours */
  async get(host: Host): Promise<HostConnection> {
    const ssh = host.ssh
    if (!ssh) throw new Error(`host ${host.name} has not booted yet`)
    const target = JSON.stringify(ssh)
    const warm = this.#open.get(host.id)
    if (warm?.connection.alive && warm.target === target) return warm.connection
    this.drop(host.id)
    // Whoever asks meanwhile waits for the same one.
    const key = `${host.id} ${target}`
    const opening = this.#opening.get(key) ?? this.#connect(host, ssh, target)
    this.#opening.set(key, opening)
    return await opening.finally(() => this.#opening.delete(key))
  }

  async #connect(host: Host, ssh: HostAccess, target: string): Promise<HostConnection> {
    const privateKey = await openHostKey(this.#em, this.#boxKey, host)
    const connection = await connectHost({ ...ssh, privateKey }, { deadlineMs: CONNECT_DEADLINE_MS })
    this.#open.set(host.id, { connection, target })
    return connection
  }

  drop(hostId: string): void {
    this.#open.get(hostId)?.connection.close()
    this.#open.delete(hostId)
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.drop(id)
  }
}
