import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { type ChangeSummary, countOf, type HandRun } from './protocol.ts'

/** What others did on this stack since we looked last. */
export async function handRuns(stack: Stack, after: string): Promise<HandRun[]> {
  const entries = await stack.history(20, 1, false)
  return entries
    .filter(({ environment, endTime }) => !isOurs(environment) && endTime.getTime() > Date.parse(after))
    .map(({ kind, result, endTime, resourceChanges }) => ({
      ...{ kind, result, endedAt: endTime.toISOString() },
      changes: countOf(summaryOf(resourceChanges)),
    }))
}

const isOurs = (environment: Record<string, string>): boolean => environment['exec.kind'] === 'auto.inline'

/** Without what did not happen. */
export const summaryOf = (changes: Partial<Record<string, number>> | undefined): ChangeSummary =>
  Object.fromEntries(
    Object.entries(changes ?? {}).flatMap(([name, count]) => (count ? [[name, count] as const] : [])),
  )
