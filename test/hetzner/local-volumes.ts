import { rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopNodes, makeLoopNodes } from '../../hosts/local/loop.ts'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { run } from '../../hosts/local/run.ts'
import type { ServerVolumes, VolumeOfServer } from './machines.ts'
import { linkDevice, unlinkDevice } from './volume-link.ts'

interface Attached {
  server: number
  device: string
}

/** A machine's mounts may end a moment after its processes. */
const PATIENCE_MS = 5000

/** Volumes as image files of this computer, attached by loop devices. */
export class LocalVolumes implements ServerVolumes {
  readonly #directory: string
  readonly #machineOf: (server: number) => LocalMachine | undefined
  readonly #attached = new Map<number, Attached>()

  /** @param stateDirectory of an installation; what is removed with it takes the loop devices along */
  constructor(stateDirectory: string, machineOf: (server: number) => LocalMachine | undefined) {
    this.#directory = join(stateDirectory, 'volumes')
    this.#machineOf = machineOf
  }

  #file(id: number): string {
    return join(this.#directory, `${id}.img`)
  }

  async create({ id, size, format }: VolumeOfServer): Promise<void> {
    if (format !== null && format !== 'ext4') throw new Error(`a local volume cannot be made with ${format}`)
    await mkdir(this.#directory, { recursive: true })
    await this.#grow(id, size)
    // Else mkfs would fill the file with zeros.
    const lazily = 'lazy_itable_init=1,lazy_journal_init=1'
    if (format) await run(['mkfs.ext4', '-q', '-F', '-E', lazily, this.#file(id)])
  }

  async #grow(id: number, size: number): Promise<void> {
    await run(['truncate', `--size=${size}G`, this.#file(id)])
  }

  async attach(server: number, { id, device }: VolumeOfServer): Promise<void> {
    const machine = this.#machineOf(server)
    if (!machine) throw new Error(`there is no machine of server ${server}`)
    await this.#released(id)
    this.#attached.set(id, { server, device })
    try {
      await linkDevice(machine, device, await this.#loop(id))
    } catch (error) {
      await this.detach(id)
      throw error
    }
  }

  // A loop device that is detached while it is mounted stays until then, and two of one file destroy what is in it.
  async #released(id: number): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while ((await this.#loops(id)).length > 0) {
      if (Date.now() > deadline) throw new Error(`a machine that had volume ${id} before still mounts it`)
      await sleep(50)
    }
  }

  async #loop(id: number): Promise<string> {
    await makeLoopNodes()
    const loop = (await run(['losetup', '--find', '--show', this.#file(id)])).trim()
    if (!loopNodes().includes(loop)) throw new Error(`machines do not have ${loop}`)
    return loop
  }

  async #loops(id: number): Promise<string[]> {
    const columns = ['--noheadings', '--output', 'NAME']
    const listed = await run(['losetup', '--list', ...columns, '--associated', this.#file(id)])
    return listed.split('\n').filter(Boolean)
  }

  async detach(id: number): Promise<void> {
    const attached = this.#attached.get(id)
    if (!attached) return
    const machine = this.#machineOf(attached.server)
    if (machine) await unlinkDevice(machine, attached.device)
    for (const loop of await this.#loops(id)) await run(['losetup', '--detach', loop])
    this.#attached.delete(id)
  }

  /** Of a server whose machine is gone. */
  async detachAll(server: number): Promise<void> {
    for (const [id, attached] of this.#attached) if (attached.server === server) await this.detach(id)
  }

  async resize(id: number, size: number): Promise<void> {
    await this.#grow(id, size)
    for (const loop of await this.#loops(id)) await run(['losetup', '--set-capacity', loop])
  }

  remove(id: number): void {
    rmSync(this.#file(id), { force: true })
  }
}
