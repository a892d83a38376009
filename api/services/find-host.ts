import {
  type EntityManager,
  type FilterQuery,
  UniqueConstraintViolationException,
} from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { isId } from '../../common/ids.ts'
import { Host } from '../model/host.ts'
import { Instance } from '../model/instance.ts'
import { visibleHosts } from '../policies.ts'
import type { Actor } from './context.ts'

const notFound = (): AppError => new AppError('HOST_NOT_FOUND', 'There is no such host.')

/** Which hosts the actor sees. */
export async function hostsOf(em: EntityManager, actor: Actor): Promise<FilterQuery<Host>> {
  if (actor.operator) return visibleHosts(actor, [])
  const instances = await em.find(Instance, { project: { account: actor.accountId } })
  return visibleHosts(
    actor,
    instances.map(({ host }) => host.id),
  )
}

/** A host that the actor sees. @throws HOST_NOT_FOUND */
export async function findHost(em: EntityManager, actor: Actor, id: string): Promise<Host> {
  if (!isId('host', id)) throw notFound()
  const host = await em.findOne(Host, { $and: [{ id }, await hostsOf(em, actor)] })
  if (!host) throw notFound()
  return host
}

/** A host by its id or its name, which is that of its stack; for operators. @throws HOST_NOT_FOUND */
export async function findHostOfStack(em: EntityManager, idOrName: string): Promise<Host> {
  const host = await em.findOne(Host, { $or: [{ id: idOrName }, { name: idOrName }], removedAt: null })
  if (!host) throw notFound()
  return host
}

/** @throws HOST_EXISTS */
export async function refuseTakenName(tx: EntityManager, name: string): Promise<void> {
  if ((await tx.count(Host, { name, removedAt: null })) === 0) return
  throw nameTaken(name)
}

/** Writes a new host; another request may have taken its name since that was looked for. @throws HOST_EXISTS */
export async function flushName(tx: EntityManager, name: string): Promise<void> {
  try {
    await tx.flush()
  } catch (error) {
    throw error instanceof UniqueConstraintViolationException ? nameTaken(name) : error
  }
}

const nameTaken = (name: string): AppError =>
  new AppError('HOST_EXISTS', `There is a host ${name} already: choose another name.`, {
    fields: [{ field: '/name', message: 'is taken' }],
  })

/** The CA of a host in PEM form, for whoever knows the host's id. @throws HOST_NOT_FOUND */
export async function findHostCa(em: EntityManager, id: string): Promise<string> {
  const host = isId('host', id) ? await em.findOne(Host, { id, removedAt: null }) : null
  if (!host?.caCertificate) throw notFound()
  return host.caCertificate
}
