import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { isId } from '../../common/ids.ts'
import { Database } from '../model/database.ts'
import { visibleDatabases } from '../policies.ts'
import type { Actor } from './context.ts'

const notFound = (): AppError => new AppError('DATABASE_NOT_FOUND', 'There is no such database.')

/** A database of the actor's account; what is not theirs looks like what is not there. @throws DATABASE_NOT_FOUND */
export async function findDatabase(em: EntityManager, actor: Actor, id: string): Promise<Database> {
  if (!isId('db', id)) throw notFound()
  const database = await em.findOne(
    Database,
    { $and: [{ id }, visibleDatabases(actor)] },
    { populate: ['project', 'instance', 'instance.host'] },
  )
  if (!database) throw notFound()
  return database
}

/** The same, its row locked until the end of the transaction. */
export async function lockDatabase(tx: EntityManager, actor: Actor, id: string): Promise<Database> {
  const database = await findDatabase(tx, actor, id)
  await tx.lock(database, LockMode.PESSIMISTIC_WRITE)
  await tx.refresh(database)
  if (database.deletedAt) throw notFound()
  return database
}
