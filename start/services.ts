import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openOrm } from '../api/model/orm.ts'
import type { ServiceContext } from '../api/services/context.ts'
import { openQueue } from '../api/services/queue.ts'
import { findInstallation, type Installation, ownClone } from './installation.ts'
import { readBoxPublicKey } from './keys.ts'
import { DATABASE_PORT } from './postgres-files.ts'
import { Refusal } from './say.ts'
import { ownerAddress } from './schema.ts'

/** What the services about hosts work with. */
export type HostServices = Pick<ServiceContext, 'em' | 'queue' | 'boxPublicKey'>

/** The services' context as the owner of the rows; only root can open it. */
export async function openServices(
  installation: Installation,
  boxPublicKey: string,
): Promise<{ services: HostServices; close: () => Promise<void> }> {
  const address = ownerAddress(installation)
  const orm = await openOrm(address, 4)
  const queue = await openQueue(address, { supervise: false })
  const close = async (): Promise<void> => {
    await queue.close()
    await orm.close()
  }
  return { services: { em: orm.em, queue, boxPublicKey }, close }
}

const NOT_RUNNING =
  'DBHost does not run from this folder: npm start it, then repeat this in another terminal.'

/** Does a service of this installation answer on this computer? */
export const isRunningHere = ({ databaseSocketDir }: Installation): boolean =>
  existsSync(join(databaseSocketDir, `.s.PGSQL.${DATABASE_PORT}`))

/** Does something with the installation that runs from this clone. @throws {Refusal} where none does */
export async function withRunning(
  action: (services: HostServices, installation: Installation) => Promise<void>,
): Promise<void> {
  const { installation } = findInstallation(ownClone())
  if (!installation || !isRunningHere(installation)) throw new Refusal(NOT_RUNNING)
  const opened = await openServices(installation, readBoxPublicKey(installation)).catch((error: unknown) => {
    throw new Refusal(NOT_RUNNING, { cause: error })
  })
  try {
    await action(opened.services, installation)
  } finally {
    await opened.close()
  }
}
