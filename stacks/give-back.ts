import type { EngineEvent, Stack } from '@pulumi/pulumi/automation/index.js'
import { stackName } from './names.ts'
import type { ChangeSummary } from './protocol.ts'
import { summaryOf } from './run-history.ts'
import { cloudUrnsOf, readState, withoutEdge, writeState } from './stack-state.ts'

/** How each run of the engine is watched and can be wound up. */
interface RunOptions {
  onEvent: (event: EngineEvent) => void
  color: 'never'
  signal: AbortSignal
}

/**
 * Takes the protection off first, which the document does not ask for any more, from what there is: nothing is bought for
 * that, and what somebody deleted in the cloud is no obstacle. The edge goes with its machine, so nobody logs in there. The
 * state goes last.
 */
export async function giveBack(stack: Stack, name: string, how: RunOptions): Promise<ChangeSummary> {
  const found = await readState(stack)
  const bought = cloudUrnsOf(found)
  if (bought.length > 0) await stack.refresh({ ...how, target: bought })
  const target = cloudUrnsOf(await readState(stack))
  if (target.length > 0) await stack.up({ ...how, target })
  const state = await readState(stack)
  const resources = state.resources.map((resource) => ({ ...resource, protect: false }))
  await writeState(stack, state, { resources: bought.length > 0 ? withoutEdge(resources) : resources })
  const { summary } = await stack.destroy(how)
  await stack.workspace.removeStack(stackName(name))
  return summaryOf(summary.resourceChanges)
}
