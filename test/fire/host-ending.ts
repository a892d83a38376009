import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Host } from '../../api/model/host.ts'
import { Operation } from '../../api/model/operation.ts'
import { OperationStep } from '../../api/model/operation-step.ts'
import { ensureAccount } from '../../api/services/accounts.ts'
import { createDatabase } from '../../api/services/create-database.ts'
import { queueConverge } from '../../api/services/hosts.ts'
import type { FireControlPlane } from './control-plane.ts'

/** The operation's end. @throws where it fails */
async function succeeded(plane: FireControlPlane, id: string): Promise<string> {
  while (plane.goesOn) {
    const em = plane.orm.em.fork()
    const { state, error } = await em.findOneOrFail(Operation, { id })
    if (state === 'succeeded') {
      const steps = await em.find(OperationStep, { operation: id }, { orderBy: { position: 'asc' } })
      return steps.map(({ name, detail }) => `${name}: ${detail ?? ''}`).join('\n')
    }
    if (state === 'failed') throw new Error(`${id} failed: ${error?.message}`)
    await sleep(50)
  }
  throw new Error(`${id} was still going on at the end`)
}

/** Waits until the host's first converge has ended well. */
export async function converged(plane: FireControlPlane): Promise<void> {
  while (plane.goesOn) {
    const operation = await plane.orm.em.fork().findOne(Operation, { kind: 'converge-host' })
    if (operation) {
      await succeeded(plane, operation.id)
      return
    }
    await sleep(50)
  }
}

/** What one more converge did, by its steps. */
export async function convergeAgain(plane: FireControlPlane): Promise<string> {
  const { queue } = plane.context
  const operation = await plane.orm.em
    .fork()
    .transactional((tx) => queueConverge({ queue }, tx, tx.getReference(Host, plane.host.id)))
  return await succeeded(plane, operation.id)
}

/** Creates a database and uses it over verified TLS, by its name and by its alias. @returns what it said */
export async function databaseWorks(plane: FireControlPlane): Promise<string[]> {
  const account = await ensureAccount(plane.orm.em)
  const actor = { credentialId: null, accountId: account.id, operator: true, requestId: null }
  const { operation, database, password } = await createDatabase(
    plane.context,
    { ...actor, sourceAddress: '127.0.0.1' },
    { name: 'after-fire' },
    undefined,
  )
  await succeeded(plane, operation.id)
  const { spec, caCertificate } = await plane.orm.em.fork().findOneOrFail(Host, { id: plane.host.id })
  const said: string[] = []
  for (const entry of [database.physicalName, `${database.physicalName}_session`]) {
    const client = new pg.Client({
      ...{ host: spec.addresses[0], port: spec.ports.pooler, database: entry, user: database.physicalName },
      ...{ password: password.reveal(), ssl: { ca: caCertificate ?? '' } },
    })
    await client.connect()
    await client.query('create table if not exists kept (entry int)')
    await client.query('insert into kept values (1)')
    const { rows } = await client.query<{ count: string }>('select count(*) from kept')
    said.push(rows[0]?.count ?? '')
    await client.end()
  }
  return said
}
