import type { StackStep } from '../../stacks/protocol.ts'
import { median } from '../median.ts'
import type { BareEngine } from './bare.ts'
import type { StackHost } from './stack-host.ts'

/** Medians in milliseconds of one allowlist rule more, and of the same engine running an empty program. */
export interface EdgeUpdate {
  bareMs: number
  updateMs: number
  ratio: number
  /** The empty program by `pulumi up` in a shell. */
  byHandMs: number
  /** Of the update: until our provider begins, what it does on the host, and from there to the end. */
  parts: { before: number; step: number; after: number }
}

/** Compares them in turns, so that all meet the same machine. */
export async function measureEdgeUpdate(
  host: StackHost,
  bare: BareEngine,
  rounds: number,
): Promise<EdgeUpdate> {
  const bares: number[] = []
  const byHand: number[] = []
  const updates: number[] = []
  const parts: EdgeUpdate['parts'][] = []
  await bare.update()
  for (let round = 0; round < rounds; round++) {
    bares.push(await timed(() => bare.update()))
    const { took, ...part } = await oneMore(host)
    updates.push(took)
    parts.push(part)
    byHand.push(await timed(() => bare.updateByHand()))
  }
  const [bareMs, updateMs] = [median(bares), median(updates)]
  const part = (name: keyof EdgeUpdate['parts']): number => median(parts.map((of) => of[name]))
  return {
    ...{ bareMs, updateMs, ratio: updateMs / bareMs, byHandMs: median(byHand) },
    parts: { before: part('before'), step: part('step'), after: part('after') },
  }
}

/** The stack whose rules change. */
export const EDGE_STACK = 'edge'

async function oneMore(host: StackHost): Promise<EdgeUpdate['parts'] & { took: number }> {
  host.allowOneMore()
  const began = performance.now()
  let [first, last] = [0, 0]
  const onStep = ({ state }: StackStep): void => {
    const at = performance.now() - began
    if (state === 'running') first ||= at
    else last = at
  }
  const { changes } = await host.run('update', EDGE_STACK, { onStep })
  const took = performance.now() - began
  if (changes.update !== 1) throw new Error(`not the firewall alone was changed: ${JSON.stringify(changes)}`)
  return { took, before: first, step: last - first, after: took - last }
}

/** Milliseconds. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await action()
  return performance.now() - began
}
