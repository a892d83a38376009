import { median } from '../median.ts'
import { timed } from './edge-update.ts'
import type { StackHost } from './stack-host.ts'

/** Median seconds of refreshing that many hosts, two at once. */
export interface Refreshes {
  hosts: number
  runs: number
  seconds: number
}

/** In this order, so that what the machine is doing meanwhile meets all of them. */
const COUNTS = [1, 10, 1, 50, 1, 10, 1]

/** @param machines one for each of those that work at once */
export async function measureRefreshes(machines: readonly StackHost[]): Promise<Refreshes[]> {
  await inLanes(machines, Math.max(...COUNTS), async (host, stack) => {
    await host.run('adopt', stack)
  })
  const seconds = new Map<number, number[]>()
  for (const count of COUNTS) {
    const took = await timed(() => inLanes(machines, count, refresh))
    seconds.set(count, [...(seconds.get(count) ?? []), took / 1000])
  }
  return [...seconds].map(([hosts, runs]) => ({ hosts, runs: runs.length, seconds: median(runs) }))
}

/** Each machine takes the next stack of its own: as many at once as there are machines. */
async function inLanes(
  machines: readonly StackHost[],
  count: number,
  act: (host: StackHost, stack: string) => Promise<void>,
): Promise<void> {
  const lane = async (host: StackHost, first: number): Promise<void> => {
    for (let index = first; index < count; index += machines.length) await act(host, `many-${index}`)
  }
  await Promise.all(machines.map(lane))
}

async function refresh(host: StackHost, stack: string): Promise<void> {
  const { changes } = await host.run('update', stack, { refresh: true })
  if (changes.update !== undefined) throw new Error(`${stack} was not as wanted: ${JSON.stringify(changes)}`)
}
