import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseAddress } from '../../api/model/orm.ts'
import { Secret } from '../../common/secret.ts'
import {
  type CloudSpec,
  defaultHostSpec,
  type HostExtras,
  NO_EXTRAS,
  withExtras,
} from '../../hosts/host-spec.ts'
import { type HostDocument, hostDocument } from '../../stacks/document.ts'
import { type Engine, findEngine } from '../../stacks/engine.ts'
import { runStack, type StackSettings, type StateAccess } from '../../stacks/gateway.ts'
import type { RunResult, StackCommand, StackStep } from '../../stacks/protocol.ts'
import { postgresBackend } from '../../start/stacks.ts'
import { builtEngine } from '../../tools/engine/build.ts'
import { newDatabase, query } from '../database.ts'
import { HetznerEmulator } from '../hetzner/emulator.ts'
import { pluginsWithRandom } from './random-plugin.ts'

/** What a test changes of a document. */
export interface Wanted extends Partial<CloudSpec> {
  allow?: string[]
  extras?: HostExtras
  databases?: number
}

interface RunOptions {
  /** The run before may have died. */
  recover?: boolean
  refresh?: boolean
  onStep?: (step: StackStep) => void
}

/** The stack of one bought host, run by the real engine and the real provider on an emulated cloud. */
export class CloudStack {
  readonly emulator: HetznerEmulator
  readonly engine: Engine
  readonly settings: StackSettings
  /** Where its state lies from now on. */
  place: StateAccess
  /** The private half of the host's key: it must not come to light. */
  readonly hostKey: string
  readonly #folder: string
  readonly #loginKey: string
  readonly #state: DatabaseAddress
  #revision = 0

  private constructor(folder: string, emulator: HetznerEmulator, engine: Engine, state: DatabaseAddress) {
    this.#folder = folder
    this.#state = state
    this.emulator = emulator
    this.engine = { ...engine, plugins: pluginsWithRandom(join(folder, 'all-plugins'), engine) }
    const key = (name: string): string => {
      const file = join(folder, name)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
      return readFileSync(file, 'utf8')
    }
    this.hostKey = key('host')
    this.#loginKey = key('login')
    writeFileSync(join(folder, 'passphrase'), 'of a test')
    this.place = { backendUrl: postgresBackend(state), passphraseFile: join(folder, 'passphrase') }
    this.settings = {
      state: () => this.place,
      directory: folder,
      cloud: { token: new Secret(emulator.token), endpoint: emulator.endpoint },
    }
  }

  /** @throws where there is no engine */
  static async open(): Promise<CloudStack> {
    const { engine, refused } = await findEngine([builtEngine()])
    if (!engine) throw new Error(`no engine: ${refused.map(({ problem }) => problem).join('; ')}`)
    const emulator = await HetznerEmulator.start()
    const { owner } = await newDatabase()
    const folder = mkdtempSync(join(tmpdir(), 'dbhost-cloud-'))
    return new CloudStack(folder, emulator, engine, owner)
  }

  document({ allow = [], databases = 0, extras = NO_EXTRAS, ...cloud }: Wanted = {}): HostDocument {
    const publicKey = (name: string): string => readFileSync(join(this.#folder, `${name}.pub`), 'utf8').trim()
    this.#revision += 1
    return hostDocument({
      ...{ id: 'host_cloud', name: 'cloud-1', revision: this.#revision, access: null, allow, databases },
      spec: withExtras(
        defaultHostSpec({ name: 'cloud-1', kind: 'hcloud', addresses: [], controlPlane: [] }),
        extras,
      ),
      cloud: {
        ...{ serverType: 'cx23', location: 'fsn1', image: 'debian-13', volumeGb: 20 },
        ...{ placementGroup: null, domain: null, installation: 'abc123' },
        ...{ loginKey: publicKey('login'), hostKey: publicKey('host') },
        ...cloud,
      },
    })
  }

  run(command: StackCommand, wanted: Wanted = {}, options: RunOptions = {}): Promise<RunResult> {
    const { recover = false, refresh = false, onStep = () => {} } = options
    return runStack(this.engine, this.settings, {
      ...{ command, document: this.document(wanted), recover, refresh, handRunsAfter: null },
      ...{ privateKey: new Secret(this.#loginKey), hostKey: new Secret(this.hostKey) },
      ...{ deadlineMs: 120_000, onStep },
    })
  }

  /** Everything that the engine keeps, as text. */
  async state(): Promise<string> {
    const rows = await query<{ data: string }>(
      this.#state,
      `select data ->> 'data' as data from pulumi_state`,
    )
    return rows.map(({ data }) => Buffer.from(data, 'base64').toString()).join('\n')
  }

  /** Puts something there as the engine keeps it. */
  async lock(key: string, content: string): Promise<void> {
    const data = JSON.stringify({ data: Buffer.from(content).toString('base64') })
    await query(this.#state, `insert into pulumi_state (key, data) values ('${key}', '${data}')`)
  }

  /** What the cloud says. @param path without `/v1` @param body makes it a POST */
  async ask<T>(path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.emulator.endpoint}${path}`, {
      headers: { authorization: `Bearer ${this.emulator.token}`, 'content-type': 'application/json' },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    })
    return (await response.json()) as T
  }

  async close(): Promise<void> {
    await this.emulator.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
