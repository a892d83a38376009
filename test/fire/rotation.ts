import { SeededRandom } from '../random.ts'

export const FAULTS = ['worker', 'connection', 'machine'] as const
/** Who dies: the worker, the SSH connection (the worker's sessions on the host), the machine. */
export type Fault = (typeof FAULTS)[number]
/** The faults of one machine: one of them at every change, or any at each. */
export type LaneOfFaults = Fault | 'any'

/** Of so many changes that write a file, a machine dies at one; booting it takes longer than twenty writes. */
const THINNED = 10

/**
 * Which fault meets each change of a plan in a lane. Over the lanes of the three faults each change meets each fault,
 * except that a machine dies at one of ten written files; in the others its lane has one of the other two faults. In
 * the lane of any fault the seed chooses.
 */
export function faultsOf(lane: LaneOfFaults, changes: readonly string[], seed: number): Map<string, Fault> {
  const random = new SeededRandom(seed)
  const offset = random.between(0, THINNED - 1)
  let files = 0
  return new Map(
    changes.map((change) => {
      const fault = lane === 'any' ? random.pick(FAULTS) : lane
      if (fault !== 'machine' || !change.startsWith('file:')) return [change, fault]
      files += 1
      const other = random.pick(['worker', 'connection'] as const)
      return [change, files % THINNED === offset ? fault : other]
    }),
  )
}
