/**
 * One stack operation in a process of its own: the engine's SDK keeps memory, may end its process and takes over its
 * handlers of errors. Started by the gateway, told what to do over the channel, ended with it.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type EngineEvent, LocalWorkspace, type Stack } from '@pulumi/pulumi/automation/index.js'
import { messageOf } from '../common/errors.ts'
import { Secret } from '../common/secret.ts'
import { CloudError } from '../hosts/hcloud/client.ts'
import { serveKey } from '../provisioner/key-agent.ts'
import { isHeldByTheDead } from './dead-lock.ts'
import { giveBack } from './give-back.ts'
import { hostStack } from './host-stack.ts'
import { removeLostLocks } from './lost-lock.ts'
import { PROJECT, PROVIDER, stackName } from './names.ts'
import { settlePendingCreates } from './pending-creates.ts'
import type { ChangeSummary, RunnerMessage, RunnerRequest, RunResult } from './protocol.ts'
import { handRuns, summaryOf } from './run-history.ts'
import { holdsMachines, isOfAnother, readState, type StackState } from './stack-state.ts'

const tell = (message: RunnerMessage): void => {
  process.send?.(message)
}

const abort = new AbortController()
// The engine finishes what it is at; a second signal, or the gateway, would cut it off.
process.on('SIGTERM', () => abort.abort())
/** Without the worker nobody waits for this any more: the whole group goes, as if the power had failed. */
const dieAlone = (): void => {
  process.kill(-process.pid, 'SIGKILL')
}
process.on('disconnect', dieAlone)

async function openStack(request: RunnerRequest): Promise<Stack> {
  const { document, directory, providerDirectory } = request
  const workDir = join(directory, 'work')
  mkdirSync(workDir, { recursive: true })
  const program = async (): Promise<Record<string, unknown>> =>
    hostStack(document, { hostKey: request.hostKey ?? undefined })
  const projectSettings = {
    ...{ name: PROJECT, runtime: 'nodejs' as const, backend: { url: request.backendUrl } },
    plugins: { providers: [{ name: PROVIDER.name, path: providerDirectory }] },
  }
  return await LocalWorkspace.createOrSelectStack(
    { stackName: stackName(document.name), projectName: PROJECT, program },
    { workDir, projectSettings, secretsProvider: request.secretsProvider },
  )
}

/** Says each step of the engine as it happens. */
function onEvent({ resourcePreEvent, resOutputsEvent, resOpFailedEvent }: EngineEvent): void {
  const event = resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent
  const { op, urn = '', type = '' } = event?.metadata ?? {}
  if (op === undefined || op === 'same' || type.startsWith('pulumi:')) return
  const state = resourcePreEvent ? 'running' : resOpFailedEvent ? 'failed' : 'done'
  tell({ type: 'step', step: { operation: op, type, resource: urn.split('::').at(-1) ?? urn, state } })
}

/** Each run of the engine is watched and can be wound up; what it says afterwards needs no secret to be opened. */
const HOW = { onEvent, color: 'never', signal: abort.signal, showSecrets: false } as const

type Done = Pick<RunResult, 'changes' | 'outputs'>

const changed = (changes: ChangeSummary): Done => ({ changes, outputs: {} })

async function carryOut(stack: Stack, state: StackState | null, request: RunnerRequest): Promise<Done> {
  const { command, document, refresh } = request
  const name = stackName(document.name)
  if (command === 'observe') return changed({})
  const isForeign = state !== null && isOfAnother(state, document)
  if (command === 'forget') {
    // Those of a later host of this name are not this one's to forget.
    if (isForeign) return changed({})
    if (state && holdsMachines(state) && !request.forsake)
      throw new Error('This stack still holds a bought machine: give it back first.')
    await stack.workspace.removeStack(name, { force: true })
    return changed({})
  }
  if (isForeign)
    throw new Error(
      `The stack ${name} holds what was bought for another host that bore the name ${document.name}: look with pulumi stack.`,
    )
  if (command === 'preview') return changed(summaryOf((await stack.preview(HOW)).changeSummary))
  if (command === 'preview-destroy')
    return changed(summaryOf((await stack.previewDestroy(HOW)).changeSummary))
  if (command === 'destroy') return changed(await giveBack(stack, state, document.name, HOW))
  const { summary, outputs } = await stack.up({ ...HOW, refresh: refresh && command === 'update' })
  return {
    changes: summaryOf(summary.resourceChanges),
    outputs: Object.fromEntries(Object.entries(outputs).map(([key, { value }]) => [key, value])),
  }
}

async function run(request: RunnerRequest): Promise<void> {
  const agent = await serveKey(request.directory, new Secret(request.privateKey))
  process.env.SSH_AUTH_SOCK = agent.socket
  if (request.command === 'adopt') process.env.DBHOST_ADOPT = '1'
  try {
    const stack = await openOverLostLock(request)
    tell({ type: 'result', result: await overDeadLock(stack, () => recoverAndCarryOut(stack, request)) })
  } finally {
    agent.close()
  }
}

/** To read the state starts the engine once more: only where something in it may be of another, bought or half made. */
const needsState = ({ command, document, recover }: RunnerRequest): boolean =>
  command !== 'observe' &&
  (document.cloud !== null ||
    command === 'adopt' ||
    command === 'forget' ||
    (recover && command === 'update'))

/** What is left of a host of the same name, or of an adoption that died, is no state of this host. */
const isBegin = ({ command, document }: RunnerRequest): boolean =>
  command === 'adopt' || (command === 'update' && document.cloud !== null && document.access === null)

/** Also a run by hand may have died, and an object that nobody knows of costs money. */
const settles = ({ command, document, recover }: RunnerRequest): boolean =>
  document.cloud !== null ? !command.startsWith('preview') : recover && command === 'update'

async function recoverAndCarryOut(opened: Stack, request: RunnerRequest): Promise<RunResult> {
  const { document, handRunsAfter } = request
  let [stack, state] = [opened, needsState(request) ? await readState(opened) : null]
  // What was paid for is never forgotten.
  if (state && isBegin(request) && state.resources.length > 0 && !holdsMachines(state)) {
    await stack.workspace.removeStack(stackName(document.name), { force: true })
    stack = await openOverLostLock(request)
    state = null
  }
  if (state && settles(request)) state = await settlePendingCreates(stack, state)
  const byHand = handRunsAfter === null ? [] : await handRuns(stack, handRunsAfter)
  return { ...(await carryOut(stack, state, request)), byHand }
}

/** A stack that somebody died over making is locked and not there. */
async function openOverLostLock(request: RunnerRequest): Promise<Stack> {
  try {
    return await openStack(request)
  } catch (error) {
    if (!isHeldByTheDead(messageOf(error))) throw error
    await removeLostLocks(request.backendUrl, stackName(request.document.name))
    return await openStack(request)
  }
}

/** Takes the lock of a run that died, once; whoever lives keeps theirs. */
async function overDeadLock<T>(stack: Stack, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isHeldByTheDead(messageOf(error))) throw error
    await stack.cancel()
    return await action()
  }
}

process.once('message', (request: RunnerRequest) => {
  run(request)
    .catch((error: unknown) => {
      const cloud = error instanceof CloudError ? { cloud: error.kind } : {}
      tell({ type: 'error', text: messageOf(error), ...cloud })
    })
    .finally(() => {
      process.off('disconnect', dieAlone)
      process.disconnect?.()
    })
})
