import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MikroORM } from '@mikro-orm/postgresql'
import type { Host } from '../../api/model/host.ts'
import { openOrm } from '../../api/model/orm.ts'
import type { ServiceContext } from '../../api/services/context.ts'
import { registerHost } from '../../api/services/hosts.ts'
import { openQueue } from '../../api/services/queue.ts'
import { randomName } from '../../common/ids.ts'
import { exportKeyRing, newBoxKeys, newKeyRing } from '../../common/seal.ts'
import { Secret } from '../../common/secret.ts'
import { removeMachines } from '../../hosts/local/remove.ts'
import { announce } from '../../start/bring-up.ts'
import { removeControlGroups } from '../../start/control-groups.ts'
import { describeInstallation, type Installation } from '../../start/installation.ts'
import { MachineKeeper } from '../../start/machines.ts'
import { WorkerIdentity } from '../../start/worker-identity.ts'
import { newDatabase, query, type TestDatabase } from '../database.ts'

/** Decides at a checkpoint of the worker; where it kills the worker nothing has to be answered. */
export type AtCheckpoint = (name: string, worker: ChildProcess) => Promise<void>

/**
 * The parts of a control plane that converge a host, with a host of their own: rows and queue, the worker program, the
 * boot helper's keeper of machines. A dead worker is followed by the next at once, and attempts follow each other
 * quickly: the pauses between them are for a world in which faults are rare.
 */
export class FireControlPlane {
  readonly installation: Installation
  readonly database: TestDatabase
  readonly orm: MikroORM
  readonly context: ServiceContext
  readonly host: Host
  readonly #folder: string
  readonly #keeper: MachineKeeper
  readonly #closeQueue: () => Promise<void>
  #worker: ChildProcess | undefined
  #keeping: Promise<void> = Promise.resolve()
  #ending = false
  #broken: unknown

  private constructor(parts: {
    installation: Installation
    database: TestDatabase
    orm: MikroORM
    context: ServiceContext
    host: Host
    folder: string
    keeper: MachineKeeper
  }) {
    this.installation = parts.installation
    this.database = parts.database
    this.orm = parts.orm
    this.context = parts.context
    this.host = parts.host
    this.#folder = parts.folder
    this.#keeper = parts.keeper
    this.#closeQueue = () => parts.context.queue.close()
  }

  /** Registers a bare machine; it boots once `run` is called. */
  static async open(name: string): Promise<FireControlPlane> {
    const folder = mkdtempSync(join(tmpdir(), 'dbhost-fire-'))
    const installation = describeInstallation(randomName(6), folder)
    mkdirSync(installation.stateDir, { recursive: true })
    const database = await newDatabase()
    await query(database.owner, IMPATIENT)
    const orm = await openOrm(database.owner, 6)
    const queue = await openQueue(database.owner, { supervise: false })
    const box = newBoxKeys()
    const keyRing = newKeyRing()
    const keep = (file: string, text: string): void =>
      writeFileSync(join(folder, file), text, { mode: 0o600 })
    keep('key-ring', exportKeyRing(keyRing))
    keep('box-private-key', box.privateKey.reveal())
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'ssh')])
    const read = (file: string): string => readFileSync(join(folder, file), 'utf8').trim()
    const machineSsh = {
      privateKey: new Secret(readFileSync(join(folder, 'ssh'), 'utf8')),
      publicKey: read('ssh.pub'),
    }
    const services = { em: orm.em, queue, boxPublicKey: box.publicKey }
    const { host } = await registerHost(services, null, { kind: 'local', name, tenancy: 'shared' })
    const keeper = new MachineKeeper({
      ...{ installation, em: orm.em, authorizedKey: machineSsh.publicKey, report: () => {} },
      booted: (row, machine) => announce({ services, keys: { machineSsh } }, row, machine),
    })
    const context = { ...services, keyRing }
    return new FireControlPlane({ installation, database, orm, context, host, folder, keeper })
  }

  /** Boots the machine and runs workers, one after the other, until `close`. */
  run(at: AtCheckpoint): void {
    this.#keeper.start()
    this.#keeping = this.#keepWorker(at)
  }

  /** The next worker is loaded while its predecessor works, so a death costs little time. */
  async #keepWorker(at: AtCheckpoint): Promise<void> {
    const identity = new WorkerIdentity(join(this.#folder, 'worker.json'))
    let next = this.#load()
    while (!this.#ending) {
      const worker = next
      this.#worker = worker
      const ended = once(worker, 'exit')
      worker.on('message', (message: { at?: string; ready?: true }) => {
        if (message.ready) identity.hasWorked()
        if (message.at === undefined) return
        void at(message.at, worker).then(
          () => worker.connected && worker.send('go'),
          (error: unknown) => {
            this.#broken ??= error
          },
        )
      })
      worker.send(identity.next())
      next = this.#load()
      await ended
    }
    next.kill('SIGKILL')
  }

  #load(): ChildProcess {
    const log = openSync(join(this.#folder, 'worker.log'), 'a')
    const worker = spawn(process.execPath, [join(import.meta.dirname, 'stepped-worker.ts')], {
      env: { ...process.env, ...this.#environment() },
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    return worker
  }

  #environment(): Record<string, string> {
    const { host, port, user, database } = this.database.worker
    return {
      DBHOST_DATABASE_HOST: host,
      DBHOST_DATABASE_PORT: String(port),
      DBHOST_DATABASE_USER: user,
      DBHOST_DATABASE_NAME: database,
      DBHOST_KEY_RING_FILE: join(this.#folder, 'key-ring'),
      DBHOST_BOX_PRIVATE_KEY_FILE: join(this.#folder, 'box-private-key'),
      NODE_COMPILE_CACHE: join(tmpdir(), 'dbhost-fire-compiled'),
    }
  }

  /** False once nothing goes on any more: who waits for something waits in vain. @throws why a worker is not answered */
  get goesOn(): boolean {
    if (this.#broken !== undefined) throw this.#broken
    return !this.#ending
  }

  async close(): Promise<void> {
    this.#ending = true
    this.#worker?.kill('SIGKILL')
    await this.#keeping
    await this.#keeper.stop()
    await this.#closeQueue()
    await this.orm.close()
    const { stateDir, id } = this.installation
    await removeMachines(stateDir, id)
    removeControlGroups(id)
    rmSync(stateDir, { recursive: true, force: true })
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Not before a moment, lest an unreachable machine is asked without a pause; and never too old for another attempt. */
const IMPATIENT = `
  create function impatient() returns trigger language plpgsql as $$
  begin
    new.retry_at := least(new.retry_at, now() + interval '200 ms');
    new.created_at := now();
    return new;
  end $$;
  create trigger impatient before update on operation
    for each row when (new.state = 'queued') execute function impatient()`
