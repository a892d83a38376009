import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type MonthlyPrice, monthlyPrice } from '../../../hosts/hcloud/prices.ts'
import type { CloudSpec } from '../../../hosts/host-spec.ts'
import { hostDocument } from '../../../stacks/document.ts'
import type { StackStep } from '../../../stacks/protocol.ts'
import { readHostContent } from '../../model/host-content.ts'
import { Operation } from '../../model/operation.ts'
import { succeed } from '../finish.ts'
import { makeHostKeys } from '../host-keys.ts'
import { check } from './check.ts'
import { cloudOf, engineOf, type Outcome, reload, run, type StackWork } from './work.ts'

type Change = 'buy' | 'resize' | 'give-back'

/** What a change would bring, and what it would cost then. */
export interface Preview {
  change: Change
  /** Each thing that would be another afterwards. */
  resources: { operation: string; type: string; name: string }[]
  /** Numbers of them by operation. */
  changes: Record<string, number>
  /** Per month, as the provider lists it; null: nothing. */
  price: MonthlyPrice | null
  /** The same today. */
  priceBefore: MonthlyPrice | null
  notes: string[]
}

/** Says what a change would bring and cost; nothing is changed. */
export async function preview(work: StackWork): Promise<Outcome> {
  const { dependencies, operations, journal } = work
  const [operation] = operations
  if (!operation) return 'ended'
  const result = { ...(await look(work, operation)) }
  await dependencies.em.fork().nativeUpdate(Operation, { id: operation.id }, { result })
  await journal.written()
  await succeed(dependencies.em, operations, dependencies.workerId, [])
  return 'ended'
}

async function look(work: StackWork, { input }: Operation): Promise<Preview> {
  const { dependencies, access, journal, operations } = work
  const change = input?.change as Change
  const before = change === 'buy' ? null : (work.host.cloud ?? null)
  const after =
    change === 'give-back' ? null : ((input?.cloud as CloudSpec | undefined) ?? work.host.cloud ?? null)
  if (after) await check(work, after)
  else await journal.end(operations, 'check')
  const engine = await engineOf(work)
  await makeHostKeys(dependencies.em, dependencies.boxKey, work.host, access.installation)
  await reload(work)
  const content = await readHostContent(dependencies.em, work.host.id)
  if (!content?.cloud) throw new Error(`${work.host.name} is not bought`)
  const document = hostDocument({ ...content, cloud: { ...content.cloud, ...after } })
  journal.begin(operations, 'preview')
  const resources = new Map<string, Preview['resources'][number]>()
  const onStep = ({ operation, type, resource }: StackStep): void => {
    resources.set(`${type} ${resource}`, { operation, type, name: resource })
  }
  const scratch = change === 'buy' ? mkdtempSync(join(access.settings.directory, 'runs', 'preview-')) : null
  const command = change === 'give-back' ? 'preview-destroy' : 'preview'
  try {
    const backend = scratch === null ? {} : { backendUrl: `file://${scratch}` }
    const { changes } = await run(work, engine, command, document, { step: 'preview', onStep, ...backend })
    await journal.end(operations, 'preview')
    const cloud = cloudOf(work)
    return {
      ...{ change, changes, resources: [...resources.values()] },
      price: after && (await monthlyPrice(cloud, after)),
      priceBefore: before && (await monthlyPrice(cloud, before)),
      notes: notesOf(before, after),
    }
  } finally {
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true })
  }
}

function notesOf(before: CloudSpec | null, after: CloudSpec | null): string[] {
  if (!after) return ['The data volume and both addresses are given back as well: there is no way back.']
  if (!before) return []
  const switched = before.serverType !== after.serverType
  return switched
    ? ['The machine is switched off while its type changes: its databases are away for minutes.']
    : []
}
