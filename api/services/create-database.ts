import { LockMode } from '@mikro-orm/postgresql'
import { AppError } from '../../common/errors.ts'
import { newId, randomName } from '../../common/ids.ts'
import { newPassword, scramVerifier } from '../../common/scram.ts'
import { seal } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import { Account } from '../model/account.ts'
import { AllowlistRule } from '../model/allowlist-rule.ts'
import { Database } from '../model/database.ts'
import type { Operation } from '../model/operation.ts'
import { Plan } from '../model/plan.ts'
import { Project } from '../model/project.ts'
import { checkRules, defaultRules, type GivenRule } from './allowlist.ts'
import { chooseHost, findOrAddInstance } from './choose-host.ts'
import type { Actor, ServiceContext } from './context.ts'
import { type IdempotencyClaim, keepRecord } from './idempotency.ts'
import { addAuditEvent, addOperation } from './operations.ts'

export interface CreateDatabaseInput {
  name: string
  displayName?: string | undefined
  /** Omitted: the caller's own address. */
  allowlist?: GivenRule[] | undefined
  allowWide?: boolean | undefined
  /** Name or id. */
  project?: string | undefined
  /** Name or id. */
  host?: string | undefined
}

/** `_session` is the longest thing that is appended, and PostgreSQL's names end at 63 bytes. */
const LONGEST_PHYSICAL_NAME = 55

/** The name on the host: tells a neighbour little, needs no quoting, is never taken. */
const physicalName = (name: string): string =>
  `${name.replaceAll('-', '_').slice(0, LONGEST_PHYSICAL_NAME - 7)}_${randomName(6)}`

/**
 * Writes a new database with everything that is wanted of it, and the operation that makes it true.
 * @throws PLAN_LIMIT, DATABASE_EXISTS, PROJECT_NOT_FOUND, HOST_NOT_FOUND, NO_HOST_AVAILABLE, the allowlist's
 */
export async function createDatabase(
  { em, queue, keyRing }: ServiceContext,
  actor: Actor,
  input: CreateDatabaseInput,
  claim: IdempotencyClaim | undefined,
): Promise<{ operation: Operation; database: Database; password: Secret }> {
  return await em.fork().transactional(async (tx) => {
    // The lock makes counting and writing one step: parallel requests cannot pass the plan's limit together.
    const account = await tx.findOneOrFail(
      Account,
      { id: actor.accountId },
      { lockMode: LockMode.PESSIMISTIC_WRITE, populate: [] },
    )
    const plan = await tx.findOneOrFail(Plan, { id: account.plan.id })
    const asked = input.project ?? 'default'
    const project = await tx.findOne(Project, { account: account.id, $or: [{ id: asked }, { name: asked }] })
    if (!project) throw new AppError('PROJECT_NOT_FOUND', `There is no project ${asked} in this account.`)
    const used = await tx.count(Database, { project: { account: account.id }, deletedAt: null })
    if (plan.databases != null && used >= plan.databases) {
      throw new AppError(
        'PLAN_LIMIT',
        `The plan of this account allows ${plan.databases} databases, and it has ${used}. Delete one, or change the plan.`,
      )
    }
    if ((await tx.count(Database, { project: project.id, name: input.name, deletedAt: null })) > 0) {
      throw new AppError(
        'DATABASE_EXISTS',
        `The project ${project.name} has a database ${input.name} already: choose another name.`,
        {
          fields: [{ field: '/name', message: 'is taken in this project' }],
        },
      )
    }
    const host = await chooseHost(tx, actor, project, input.host)
    const allowWide = input.allowWide ?? false
    const rules = input.allowlist
      ? checkRules(input.allowlist, allowWide, '/allowlist')
      : defaultRules(host.spec, actor.sourceAddress)
    const instance = await findOrAddInstance(tx, project, host, plan)
    const id = newId('db')
    const password = newPassword()
    const database = tx.create(Database, {
      ...{ id, project, instance, allowWide },
      name: input.name,
      displayName: input.displayName ?? input.name,
      physicalName: physicalName(input.name),
      sealedPassword: seal(keyRing, password, `database:${id}:password`),
      verifier: scramVerifier(password),
      clients: plan.connections ?? host.spec.databaseClients,
      ...{ wanted: 'present', revision: 1, observedRevision: 0 },
    })
    for (const [position, rule] of rules.entries()) tx.create(AllowlistRule, { database, position, ...rule })
    const operation = addOperation(tx, actor, { kind: 'create-database', hostId: host.id, database })
    operation.id = newId('op')
    operation.sealedSecret = seal(keyRing, password, `operation:${operation.id}:secret`)
    addAuditEvent(tx, actor, 'database.create', database.id, { name: input.name, project: project.name })
    keepRecord(tx, claim, operation.id)
    await tx.flush()
    await queue.wakeHost(tx, host.id)
    return { operation, database, password }
  })
}
