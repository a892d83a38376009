import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { Instance } from '../model/instance.ts'
import type { Plan } from '../model/plan.ts'
import type { Project } from '../model/project.ts'

/** Does this host take an instance of the project: it serves, and is not another project's own? */
async function takes(tx: EntityManager, host: Host, project: Project): Promise<boolean> {
  if (host.removedAt || host.observation === 'never' || !host.convergedDigest) return false
  if (host.spec.tenancy === 'shared') return true
  return (await tx.count(Instance, { host: host.id, project: { $ne: project.id } })) === 0
}

/**
 * The host for a new database of a project, its row locked: the one asked for, else the one where the project is
 * already, else the one with the fewest instances.
 * @throws HOST_NOT_FOUND, NO_HOST_AVAILABLE
 */
export async function chooseHost(
  tx: EntityManager,
  project: Project,
  asked: string | undefined,
): Promise<Host> {
  const host = asked === undefined ? await anyHost(tx, project) : await askedHost(tx, project, asked)
  await tx.lock(host, LockMode.PESSIMISTIC_WRITE)
  return host
}

async function askedHost(tx: EntityManager, project: Project, asked: string): Promise<Host> {
  const host = await tx.findOne(Host, { $or: [{ id: asked }, { name: asked }], removedAt: null })
  if (!host) throw new AppError('HOST_NOT_FOUND', `There is no host ${asked}.`)
  if (await takes(tx, host, project)) return host
  throw new AppError(
    'NO_HOST_AVAILABLE',
    `The host ${host.name} does not take this database: it is not ready yet, or it is dedicated to another project.`,
  )
}

async function anyHost(tx: EntityManager, project: Project): Promise<Host> {
  const hosts = await tx.find(Host, { removedAt: null }, { orderBy: { id: 'asc' } })
  const instances = await tx.find(Instance, { host: { $in: hosts.map(({ id }) => id) } })
  const own = new Set(instances.filter(({ project: { id } }) => id === project.id).map(({ host }) => host.id))
  const load = (host: Host): number => instances.filter((instance) => instance.host.id === host.id).length
  const order = hosts.toSorted((a, b) => Number(own.has(b.id)) - Number(own.has(a.id)) || load(a) - load(b))
  for (const host of order) if (await takes(tx, host, project)) return host
  throw new AppError(
    'NO_HOST_AVAILABLE',
    'No host is ready for a new database. Try again when one is, or register one (npm run admin -- host add).',
  )
}

/** The project's instance on this host, made where there is none. The host's row must be locked. */
export async function findOrAddInstance(
  tx: EntityManager,
  project: Project,
  host: Host,
  plan: Plan,
): Promise<Instance> {
  const found = await tx.findOne(Instance, { project: project.id, host: host.id })
  if (found) return found
  const { spec } = host
  return tx.create(Instance, {
    ...{ project, host },
    storageBytes: plan.storageBytes ?? spec.instanceBytes,
    memoryBytes: spec.instanceMemoryBytes,
    maxConnections: spec.instanceConnections,
  })
}
