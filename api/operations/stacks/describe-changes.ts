import type { ChangeSummary } from '../../../stacks/protocol.ts'

export function describeChanges(changes: ChangeSummary): string {
  const parts = Object.entries(changes).filter(([kind]) => kind !== 'same')
  return parts.length === 0 ? 'nothing changed' : parts.map(([kind, count]) => `${count} ${kind}`).join(', ')
}
