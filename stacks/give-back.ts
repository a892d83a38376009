import type { EngineEvent, Stack } from '@pulumi/pulumi/automation/index.js'
import { stackName } from './names.ts'
import type { ChangeSummary } from './protocol.ts'
import { summaryOf } from './run-history.ts'
import { cloudUrnsOf, readState, type StackState, withoutEdge, writeState } from './stack-state.ts'

/** How each run of the engine is watched and can be wound up. */
interface RunOptions {
  onEvent: (event: EngineEvent) => void
  color: 'never'
  signal: AbortSignal
  showSecrets: false
}

/**
 * Gives back what was bought. The edge goes with its machine: it leaves the state first, so nobody logs in there, or has to
 * have the same version of us. Then the protection goes, which the document does not ask for any more, from what there is:
 * nothing is bought for that, and what somebody deleted in the cloud is no obstacle. The state goes last.
 */
export async function giveBack(
  stack: Stack,
  state: StackState | null,
  name: string,
  how: RunOptions,
): Promise<ChangeSummary> {
  const bought = state ? cloudUrnsOf(state) : []
  if (state && bought.length > 0) {
    const resources = withoutEdge(state.resources).map((resource) => ({ ...resource, protect: false }))
    await writeState(stack, state, { resources })
    await stack.refresh({ ...how, target: bought })
    const target = cloudUrnsOf(await readState(stack))
    if (target.length > 0) await stack.up({ ...how, target })
  }
  const { summary } = await stack.destroy(how)
  await stack.workspace.removeStack(stackName(name))
  return summaryOf(summary.resourceChanges)
}
