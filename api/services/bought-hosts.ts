import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../../common/errors.ts'
import { type CloudSpec, defaultHostSpec, type Tenancy } from '../../hosts/host-spec.ts'
import { Host } from '../model/host.ts'
import type { Operation } from '../model/operation.ts'
import type { Actor, ServiceContext } from './context.ts'
import { flushName, refuseTakenName } from './find-host.ts'
import { beginOnStack, lockBought, type Wanted } from './host-operations.ts'
import type { IdempotencyClaim } from './idempotency.ts'
import { addAuditEvent } from './operations.ts'

type HostContext = Pick<ServiceContext, 'em' | 'queue'>
type Transaction = ServiceContext['em']

/** What somebody wants to buy. */
export interface Purchase {
  name: string
  tenancy: Tenancy
  cloud: CloudSpec
}

/** What of a bought host may become another. */
export type Resize = { [Name in 'serverType' | 'volumeGb']?: CloudSpec[Name] | undefined }

function addHost(tx: Transaction, { name, tenancy, cloud }: Purchase, more: Partial<Host> = {}): Host {
  const spec = defaultHostSpec({ name, kind: 'hcloud', tenancy, addresses: [], controlPlane: [] })
  return tx.create(Host, { name, spec, cloud, observation: 'never', ...more })
}

/**
 * Buys a machine and makes it ready for databases. A preview is asked of a host that nobody sees and that is gone with the
 * answer's time.
 * @throws HOST_EXISTS
 */
export async function buyHost(
  { em, queue }: HostContext,
  actor: Actor,
  purchase: Purchase,
  { preview, claim }: { preview: boolean; claim: IdempotencyClaim | undefined },
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    const { name, cloud } = purchase
    await refuseTakenName(tx, name)
    const host = addHost(tx, purchase, preview ? { removedAt: new Date() } : {})
    await flushName(tx, name)
    if (!preview) addAuditEvent(tx, actor, 'host.buy', host.id, { name, ...cloud })
    const wanted: Wanted = preview ? previewOf({ change: 'buy' }) : { kind: 'buy-host' }
    return await beginOnStack({ queue }, tx, actor, host, wanted, claim)
  })
}

/** Another size of machine or volume. @throws VALIDATION_ERROR, OPERATION_IN_PROGRESS */
export async function resizeHost(
  { em, queue }: HostContext,
  actor: Actor,
  host: Host,
  resize: Resize,
  confirm: string | undefined,
): Promise<Operation> {
  return await em.fork().transactional(async (tx) => {
    const locked = await lockBought(tx, host)
    const input = { cloud: resized(locked, resize), ...(confirm === undefined ? {} : { confirm }) }
    const undo = { cloud: locked.cloud }
    addAuditEvent(tx, actor, 'host.resize', host.id, { ...resize })
    return await beginOnStack({ queue }, tx, actor, locked, { kind: 'resize-host', undo, input })
  })
}

/** Says what another size, or giving it back, would bring and cost. @throws VALIDATION_ERROR */
export async function previewChange(
  { em, queue }: HostContext,
  actor: Actor,
  host: Host,
  change: Resize | 'give-back',
): Promise<Operation> {
  const input =
    change === 'give-back' ? { change } : { change: 'resize' as const, cloud: resized(host, change) }
  return await em.fork().transactional((tx) => beginOnStack({ queue }, tx, actor, host, previewOf(input)))
}

const previewOf = (input: { change: 'buy' | 'resize' | 'give-back'; cloud?: CloudSpec }): Wanted => ({
  ...{ kind: 'preview-host', input },
})

/** What the host is to become. @throws VALIDATION_ERROR */
function resized({ name, cloud }: Host, resize: Resize): CloudSpec {
  if (!cloud) {
    const message = `The machine of ${name} was not bought here: change its size where it comes from.`
    const fields = Object.keys(resize).map((field) => ({
      field: `/${field}`,
      message: 'is of bought hosts only',
    }))
    throw new AppError('VALIDATION_ERROR', message, { fields })
  }
  const given = Object.fromEntries(Object.entries(resize).filter(([, value]) => value !== undefined))
  const wanted = { ...cloud, ...given }
  if (wanted.volumeGb < cloud.volumeGb) {
    throw new AppError(
      'VALIDATION_ERROR',
      `The volume of ${name} has ${cloud.volumeGb} GB and can only grow.`,
      {
        fields: [{ field: '/volumeGb', message: `must be at least ${cloud.volumeGb}` }],
      },
    )
  }
  if (isDeepStrictEqual(wanted, cloud)) {
    throw new AppError('VALIDATION_ERROR', `${name} is of that size already: nothing is to be changed.`)
  }
  return wanted
}
