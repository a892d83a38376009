/**
 * One stack operation in a process of its own: the engine's SDK keeps memory, may end its process and takes over its
 * handlers of errors. Started by the gateway, told what to do over the channel, ended with it.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type EngineEvent, LocalWorkspace, type Stack } from '@pulumi/pulumi/automation/index.js'
import { messageOf } from '../common/errors.ts'
import { Secret } from '../common/secret.ts'
import { serveKey } from '../provisioner/key-agent.ts'
import { isHeldByTheDead } from './dead-lock.ts'
import { giveBack } from './give-back.ts'
import { hostStack } from './host-stack.ts'
import { PROJECT, PROVIDER, stackName } from './names.ts'
import { settlePendingCreates } from './pending-creates.ts'
import type { ChangeSummary, RunnerMessage, RunnerRequest, RunResult } from './protocol.ts'
import { handRuns, summaryOf } from './run-history.ts'
import { holdsMachines, isOfAnother, readState } from './stack-state.ts'

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

async function carryOut(stack: Stack, request: RunnerRequest): Promise<Done> {
  const { command, document, refresh } = request
  if (command === 'observe') return changed({})
  if (command === 'forget') {
    const state = await readState(stack)
    // Those of a later host of this name are not this one's to forget.
    if (isOfAnother(state, document)) return changed({})
    if (holdsMachines(state) && !request.forsake)
      throw new Error('This stack still holds a bought machine: give it back first.')
    await stack.workspace.removeStack(stackName(document.name), { force: true })
    return changed({})
  }
  // To read the state starts the engine once more: only where something was bought, or may have been.
  const mayBeBought = document.cloud !== null || command === 'adopt'
  if (mayBeBought && isOfAnother(await readState(stack), document))
    throw new Error(
      `The stack ${stackName(document.name)} holds what was bought for another host that bore the name ${document.name}: look with pulumi stack.`,
    )
  if (command === 'preview') return changed(summaryOf((await stack.preview(HOW)).changeSummary))
  if (command === 'preview-destroy')
    return changed(summaryOf((await stack.previewDestroy(HOW)).changeSummary))
  if (command === 'destroy') return changed(await giveBack(stack, document.name, HOW))
  const { summary, outputs } = await stack.up({ ...HOW, refresh: refresh && command === 'update' })
  return {
    changes: summaryOf(summary.resourceChanges),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value])),
  }
}

/** What is left of a host of the same name, or of an adoption that died, is no state of this host. */
async function emptied(stack: Stack, request: RunnerRequest): Promise<Stack> {
  const state = await readState(stack)
  // What was paid for is never forgotten.
  if (state.resources.length === 0 || holdsMachines(state)) return stack
  await stack.workspace.removeStack(stackName(request.document.name), { force: true })
  return await openStack(request)
}

async function run(request: RunnerRequest): Promise<void> {
  const agent = await serveKey(request.directory, new Secret(request.privateKey))
  process.env.SSH_AUTH_SOCK = agent.socket
  if (request.command === 'adopt') process.env.DBHOST_ADOPT = '1'
  try {
    const stack = await openStack(request)
    tell({ type: 'result', result: await overDeadLock(stack, () => recoverAndCarryOut(stack, request)) })
  } finally {
    agent.close()
  }
}

async function recoverAndCarryOut(opened: Stack, request: RunnerRequest): Promise<RunResult> {
  const { command, document, recover, handRunsAfter } = request
  // Also a run by hand may have died, and an object that nobody knows of costs money.
  const isBought = document.cloud !== null && command !== 'observe' && !command.startsWith('preview')
  const isFirst =
    command === 'adopt' || (command === 'update' && document.cloud !== null && document.access === null)
  const stack = isFirst ? await emptied(opened, request) : opened
  if (isBought || (recover && command === 'update')) await settlePendingCreates(stack)
  const byHand = handRunsAfter === null ? [] : await handRuns(stack, handRunsAfter)
  return { ...(await carryOut(stack, request)), byHand }
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
    .catch((error: unknown) => tell({ type: 'error', text: messageOf(error) }))
    .finally(() => {
      process.off('disconnect', dieAlone)
      process.disconnect?.()
    })
})
