import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { Host } from '../model/host.ts'
import { Instance } from '../model/instance.ts'
import type { Plan } from '../model/plan.ts'
import type { Project } from '../model/project.ts'
import { mayKnowForeignHost } from '../policies.ts'
import type { Actor } from './context.ts'

/** Has it been made ready at least once? A host that does not answer just now gets its databases when it does. */
const serves = (host: Host): boolean =>
  !host.removedAt &&
  !host.givenBackAt &&
  host.observation !== 'never' &&
  Boolean(host.convergedDigest) &&
  // Before its stack has taken it over, nobody would open the firewall of the cloud.
  (!host.cloud || Boolean(host.stack))

/** Does it serve another project alone? */
async function isForeign(tx: EntityManager, host: Host, project: Project): Promise<boolean> {
  if (host.spec.tenancy === 'shared') return false
  return (await tx.count(Instance, { host: host.id, project: { $ne: project.id } })) > 0
}

/**
 * Locks the host's row and looks again whether it takes an instance of the project: what was read before the lock may
 * have changed by another request.
 */
async function take(tx: EntityManager, host: Host, project: Project): Promise<boolean> {
  await tx.lock(host, LockMode.PESSIMISTIC_WRITE)
  await tx.refresh(host)
  return serves(host) && !(await isForeign(tx, host, project))
}

/**
 * The host for a new database of a project, its row locked: the one asked for, else the one where the project is
 * already, else one that answers, shared rather than dedicated, with the fewest instances.
 * @throws HOST_NOT_FOUND, NO_HOST_AVAILABLE
 */
export function chooseHost(
  tx: EntityManager,
  actor: Actor,
  project: Project,
  asked: string | undefined,
): Promise<Host> {
  return asked === undefined ? anyHost(tx, project) : askedHost(tx, actor, project, asked)
}

async function askedHost(tx: EntityManager, actor: Actor, project: Project, asked: string): Promise<Host> {
  const host = await tx.findOne(Host, { $or: [{ id: asked }, { name: asked }], removedAt: null })
  if (!host || ((await isForeign(tx, host, project)) && !mayKnowForeignHost(actor))) {
    throw new AppError('HOST_NOT_FOUND', `There is no host ${asked}.`, {
      fields: [{ field: '/host', message: 'is not a host that this key sees' }],
    })
  }
  if (await take(tx, host, project)) return host
  throw new AppError(
    'NO_HOST_AVAILABLE',
    `The host ${host.name} takes no database of this project: it is not ready yet, or it is dedicated to another one.`,
  )
}

async function anyHost(tx: EntityManager, project: Project): Promise<Host> {
  const hosts = await tx.find(Host, { removedAt: null }, { orderBy: { id: 'asc' } })
  const instances = await tx.find(Instance, { host: { $in: hosts.map(({ id }) => id) } })
  const own = new Set(instances.filter(({ project: { id } }) => id === project.id).map(({ host }) => host.id))
  const rank = (host: Host): number => {
    if (own.has(host.id)) return 0
    if (host.observation !== 'ready') return 3
    // Nobody gets a machine for themselves without asking while there is another.
    return host.spec.tenancy === 'shared' ? 1 : 2
  }
  const load = (host: Host): number => instances.filter((instance) => instance.host.id === host.id).length
  const order = hosts.filter(serves).toSorted((a, b) => rank(a) - rank(b) || load(a) - load(b))
  for (const host of order) {
    if (!(await isForeign(tx, host, project)) && (await take(tx, host, project))) return host
  }
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
