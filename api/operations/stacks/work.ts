import { AppError } from '../../../common/errors.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'
import type { HostSpec } from '../../../hosts/host-spec.ts'
import type { HostDocument } from '../../../stacks/document.ts'
import { type Engine, readEngineRecord } from '../../../stacks/engine.ts'
import { PASSPHRASE, runStack, type StackSettings, type StateAccess } from '../../../stacks/gateway.ts'
import type { RunResult, StackCommand, StackStep } from '../../../stacks/protocol.ts'
import { Host } from '../../model/host.ts'
import type { Operation } from '../../model/operation.ts'
import { revokedOperations } from '../authority.ts'
import { stillClaimed } from '../claim.ts'
import type { PassDependencies } from '../dependencies.ts'
import { ClaimLost } from '../finish.ts'
import { openHostKey, openOwnKey } from '../host-keys.ts'
import type { Journal } from '../journal.ts'
import { refuseMissing } from './missing.ts'
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
  /** A run that may have changed something was begun, by this attempt or, for all that is known, by one before. */
  began: boolean
}

/** `later`: they wait for something else and were put back. */
export type Outcome = 'ended' | 'later'

/** What an undoing says, and what of the host's row it is to change together with the operation's end. */
export interface Undone {
  said: string
  row?: Partial<Host>
}

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

export async function reload(work: StackWork): Promise<void> {
  work.host = await work.dependencies.em.fork().findOneOrFail(Host, { id: work.host.id })
}

/** Changes parts of the host's spec, whatever others change of it meanwhile. */
export async function changeSpec(
  work: StackWork,
  change: Partial<HostSpec>,
  more: Partial<Pick<Host, 'ssh'>> = {},
): Promise<void> {
  await work.dependencies.em.fork().transactional(async (tx) => {
    const host = await tx.findOneOrFail(Host, { id: work.host.id }, { lockMode: 4 })
    host.spec = { ...host.spec, ...change }
    if (more.ssh) host.ssh = more.ssh
  })
  await reload(work)
}

/** Before anything that cannot be taken back: is this still our work, and does whoever asked still have the right? */
async function mayGoOn({ dependencies, operations }: StackWork): Promise<void> {
  const { em, workerId } = dependencies
  if (!(await stillClaimed(em, operations, workerId))) throw new ClaimLost()
  if ((await revokedOperations(em, operations)).length > 0) throw revoked()
}

export const revoked = (): AppError =>
  new AppError(
    'AUTHORIZATION_REVOKED',
    'The key behind this operation lost its right before it was carried out.',
  )

/** A place of a run alone asks no key service. */
const scratch = (backendUrl: string): Partial<StateAccess> => ({ backendUrl, secretsProvider: PASSPHRASE })

const CHANGING: readonly StackCommand[] = ['adopt', 'update', 'destroy']

export interface RunOptions {
  /** The step of the operations that shows what the engine is at. */
  step: string
  onStep?: (step: StackStep) => void
  /** Another than that of all stacks. */
  backendUrl?: string
  /** It is being undone: nobody's right is asked for. */
  undoing?: boolean
}

/** Runs the host's stack. */
export async function run(
  work: StackWork,
  engine: Engine,
  command: StackCommand,
  document: HostDocument,
  { step, onStep, backendUrl, undoing = false }: RunOptions,
): Promise<RunResult> {
  const { access, host, operations, journal, dependencies } = work
  const { em, boxKey } = dependencies
  const changes = CHANGING.includes(command)
  // What is missing would be bought again: by a token of another project, all of it.
  if (host.cloud && host.ssh && changes && command !== 'destroy') await refuseMissing(cloudOf(work), host)
  if (changes && !undoing) await mayGoOn(work)
  // It may be on its way elsewhere: then nothing is begun.
  access.settings.state()
  if (changes) work.began = true
  const looks = !command.startsWith('preview') && command !== 'forget'
  return await runStack(
    engine,
    {
      ...access.settings,
      ...(backendUrl === undefined
        ? {}
        : { state: () => ({ ...access.settings.state(), ...scratch(backendUrl) }) }),
      ...(host.cloud ? { cloud: cloudOf(work) } : {}),
    },
    {
      ...{ command, document },
      deadlineMs: host.cloud ? CLOUD_DEADLINE_MS : DEADLINE_MS,
      privateKey: await openHostKey(em, boxKey, host),
      ...(host.cloud ? { hostKey: await openOwnKey(em, boxKey, host) } : {}),
      recover: operations.some(({ attempts }) => attempts > 1),
      refresh: operations.some(({ input, attempts }) => input?.refresh === true || attempts > 1),
      forsake: operations.some(({ input }) => input?.forsake === true),
      handRunsAfter: host.stack && looks ? lastKnown(host.stack) : null,
      onStep: (now) => {
        journal.detail(operations, step, `${now.operation} ${now.resource}: ${now.state}`)
        onStep?.(now)
      },
    },
  )
}
