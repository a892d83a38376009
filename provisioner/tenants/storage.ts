import type { Tenancy } from '../../hosts/host-spec.ts'
import { LAYOUT } from '../layout.ts'
import { locked, sh } from '../shell.ts'
import { type HostConnection, HostError } from '../ssh.ts'
import type { Failures } from './sql.ts'
import type { InstanceWanted } from './wanted.ts'

/** Where an instance's data lie: an image file, a folder on a volume of its own, a folder on the host's disk. */
export type StorageKind = 'image' | 'volume' | 'directory'

/**
 * `warning` from 80 %, `critical` from 95 %; `full`: its databases are closed until there is room; `held`: stopped,
 * because the host's own disk is nearly full; `unknown`: its file system is not mounted.
 */
export type StorageState = 'ok' | 'warning' | 'critical' | 'full' | 'held' | 'unknown'

export interface StorageFacts {
  kind: StorageKind
  usedBytes: number | null
  /** Of an image or volume its size; of a plain folder what the host's disk can give it. */
  limitBytes: number | null
  state: StorageState
  /** By database in clean-up: until when. */
  cleanups: Map<string, Date>
}

/** Storage by name of the instance, sizes by name of the database. */
export interface Measured {
  storage: Map<string, StorageFacts>
  sizes: Map<string, number>
}

const STORAGE = `${LAYOUT.library}/instance-storage`
const number = (text: string | undefined): number | null => (text && text !== '-' ? Number(text) : null)

/** @returns false where the line is none of storage's */
export function readStorageLine(measured: Measured, line: readonly string[]): boolean {
  const [word, instance = '', first = '', second, third, fourth] = line
  if (word === 'storage') {
    measured.storage.set(instance, {
      kind: first as StorageKind,
      usedBytes: number(second),
      limitBytes: number(third),
      state: fourth as StorageState,
      cleanups: new Map(),
    })
  } else if (word === 'cleanup') {
    measured.storage.get(instance)?.cleanups.set(first, new Date(Number(second) * 1000))
  } else if (word === 'size') measured.sizes.set(first, Number(second))
  else return false
  return true
}

/** How full every instance of a host is, and how large its databases are. Changes nothing. */
export async function measureStorage(connection: HostConnection): Promise<Measured> {
  const text = await connection.run(sh`${LAYOUT.library}/storage-measure`, { deadlineMs: 30_000 })
  const measured: Measured = { storage: new Map(), sizes: new Map() }
  for (const line of text.split('\n')) readStorageLine(measured, line.split(' '))
  return measured
}

const START_SECONDS = 3

/** Makes and starts instances. By name of the instance: why it failed. */
export function ensureInstances(
  connection: HostConnection,
  tenancy: Tenancy,
  instances: readonly InstanceWanted[],
): Promise<Failures> {
  const storage = tenancy === 'shared' ? 'image' : 'directory'
  return each(connection, instances, async ({ name, storageBytes, memoryBytes, maxConnections }) => {
    const command = sh`${LAYOUT.library}/instance-ensure ${name} ${storage} ${storageBytes} ${memoryBytes} ${maxConnections}`
    await connection.run(locked(command), { deadlineMs: 25_000 })
    // One that takes longer is waited for by its next attempt, so that it does not hold up the others of the pass.
    await connection.run(sh`timeout ${START_SECONDS} systemctl start ${`pgi@${name}.service`}`)
  })
}

/** Makes images larger while they are in use. */
export function growInstances(
  connection: HostConnection,
  instances: readonly InstanceWanted[],
): Promise<Failures> {
  return each(connection, instances, async ({ name, storageBytes }) => {
    await connection.run(locked(sh`${STORAGE} grow ${name} ${storageBytes}`, 60), { deadlineMs: 75_000 })
  })
}

/** Takes instances off the host; one that holds a database after all stays, and says so. */
export function removeInstances(connection: HostConnection, names: readonly string[]): Promise<Failures> {
  const instances = names.map((name) => ({ name }))
  return each(connection, instances, async ({ name }) => {
    // A stop may take its minute.
    await connection.run(locked(sh`${STORAGE} remove ${name}`, 75), { deadlineMs: 90_000 })
  })
}

/** Exit code of the script where the instance is not full. */
const NOT_FULL = 67

/** Lets the owner of a database in a full instance in. @returns until when; undefined where it is not full */
export async function allowCleanup(
  connection: HostConnection,
  instance: string,
  database: string,
  seconds: number,
): Promise<Date | undefined> {
  try {
    const until = await connection.run(locked(sh`${STORAGE} cleanup ${instance} ${database} ${seconds}`), {
      deadlineMs: 25_000,
    })
    return new Date(Number(until.trim()) * 1000)
  } catch (error) {
    if (error instanceof HostError && error.code === NOT_FULL) return undefined
    throw error
  }
}

async function each<Instance extends { name: string }>(
  connection: HostConnection,
  instances: readonly Instance[],
  act: (instance: Instance) => Promise<void>,
): Promise<Failures> {
  const failures: Failures = new Map()
  for (const instance of instances) {
    try {
      await act(instance)
    } catch (error) {
      if (!connection.alive) throw error
      failures.set(instance.name, error instanceof Error ? error.message : String(error))
    }
  }
  return failures
}
