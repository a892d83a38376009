import { readFileSync } from 'node:fs'
import { Secret } from '../../common/secret.ts'
import type { HostAccess } from '../../hosts/host-spec.ts'
import { connectHost, type HostConnection } from '../../provisioner/ssh.ts'

export interface KeySource {
  DBHOST_SSH_KEY_FILE?: string
  SSH_AUTH_SOCK?: string
}

/** One connection per host for as long as the engine keeps this provider; the key never passes through the engine. */
export class ProviderConnections {
  readonly #source: KeySource
  readonly #open = new Map<string, Promise<HostConnection>>()

  constructor(source: KeySource) {
    this.#source = source
  }

  /** @throws HostError, or saying which variable is to be set */
  async to(access: HostAccess): Promise<HostConnection> {
    const key = JSON.stringify([access.address, access.port, access.user, access.hostKey])
    const found = await this.#open.get(key)
    if (found?.alive) return found
    const opening = connectHost({ ...access, ...this.#proof() })
    this.#open.set(key, opening)
    opening.catch(() => this.#open.delete(key))
    return await opening
  }

  #proof(): { privateKey: Secret } | { agent: string } {
    const { DBHOST_SSH_KEY_FILE: file, SSH_AUTH_SOCK: agent } = this.#source
    if (file) return { privateKey: new Secret(readFileSync(file, 'utf8')) }
    if (agent) return { agent }
    throw new Error(
      'No SSH key for the host: set DBHOST_SSH_KEY_FILE to the file of its private key, or run an SSH agent that holds it.',
    )
  }
}
