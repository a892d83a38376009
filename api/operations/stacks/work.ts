import { AppError } from '../../../common/errors.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'
import type { HostDocument } from '../../../stacks/document.ts'
import { type Engine, readEngineRecord } from '../../../stacks/engine.ts'
import { runStack, type StackSettings } from '../../../stacks/gateway.ts'
import type { RunResult, StackCommand, StackStep } from '../../../stacks/protocol.ts'
import type { Host } from '../../model/host.ts'
import type { Operation } from '../../model/operation.ts'
import type { PassDependencies } from '../dependencies.ts'
import { openHostKey, openOwnKey } from '../host-keys.ts'
import type { Journal } from '../journal.ts'
import { lastKnown } from './record.ts'

/** What a worker needs to run stacks. */
export interface StackAccess {
  settings: Omit<StackSettings, 'cloud'>
  /** Says which engine was found; it may appear while the worker runs. */
  engineFile: string
  /** The project in which machines are bought; undefined: none is set. It may be set while the worker runs. */
  cloud: () => CloudAccess | undefined
  /** What our things in that project are labelled with. */
  installation: string
}

/** The operations of one host that are carried out together. */
export interface StackWork {
  dependencies: PassDependencies
  access: StackAccess
  host: Host
  operations: readonly Operation[]
  journal: Journal
}

/** `later`: they wait for something else and were put back. */
export type Outcome = 'ended' | 'later'

/** Of a run on a host that is there, and of one that buys, changes or gives back a machine. */
const DEADLINE_MS = 5 * 60_000
const CLOUD_DEADLINE_MS = 15 * 60_000

/** The project in which machines are bought. @throws STACK_ERROR where none is set */
export function cloudOf({ access }: Pick<StackWork, 'access'>): CloudAccess {
  const cloud = access.cloud()
  if (cloud) return cloud
  throw new AppError(
    'STACK_ERROR',
    'No token of a Hetzner Cloud project is set: HCLOUD_TOKEN=… npm start gives one with read and write rights to the worker.',
  )
}

/** @throws STACK_ERROR where none is known */
export async function engineOf({ access, journal, operations }: StackWork): Promise<Engine> {
  journal.begin(operations, 'engine')
  const engine = readEngineRecord(access.engineFile)
  if (!engine)
    throw new AppError('STACK_ERROR', 'No Pulumi engine is known: npm run doctor says what is missing.')
  await journal.end(operations, 'engine', `Pulumi ${engine.version} (${engine.source})`)
  return engine
}

/** Runs the host's stack. @param step of the operations that shows what the engine is at */
export async function run(
  work: StackWork,
  engine: Engine,
  command: StackCommand,
  document: HostDocument,
  { step, onStep, backendUrl }: { step: string; onStep?: (step: StackStep) => void; backendUrl?: string },
): Promise<RunResult> {
  const { access, host, operations, journal, dependencies } = work
  const { em, boxKey } = dependencies
  const looks = !command.startsWith('preview') && command !== 'forget'
  return await runStack(
    engine,
    {
      ...access.settings,
      ...(backendUrl === undefined ? {} : { backendUrl }),
      ...(host.cloud ? { cloud: cloudOf(work) } : {}),
    },
    {
      ...{ command, document },
      deadlineMs: host.cloud ? CLOUD_DEADLINE_MS : DEADLINE_MS,
      privateKey: await openHostKey(em, boxKey, host),
      ...(host.cloud ? { hostKey: await openOwnKey(em, boxKey, host) } : {}),
      recover: operations.some(({ attempts }) => attempts > 1),
      refresh: operations.some(({ input, attempts }) => input?.refresh === true || attempts > 1),
      handRunsAfter: host.stack && looks ? lastKnown(host.stack) : null,
      onStep: (now) => {
        journal.detail(operations, step, `${now.operation} ${now.resource}: ${now.state}`)
        onStep?.(now)
      },
    },
  )
}
