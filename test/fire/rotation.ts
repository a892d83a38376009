import { SeededRandom } from '../random.ts'

export const FAULTS = ['worker', 'connection', 'machine'] as const
/** Who dies: the worker, the SSH connection (the worker's sessions on the host), the machine. */
export type Fault = (typeof FAULTS)[number]

/** Of so many changes that write a file, a machine dies at one; booting it takes longer than twenty writes. */
const THINNED = 10

/**
 * Which fault meets each change of a plan in the lane of a fault. Over the three lanes each change meets each fault,
 * except that a machine dies at one of ten written files; in the others its lane has one of the other two faults.
 */
export function faultsOf(lane: Fault, changes: readonly string[], seed: number): Map<string, Fault> {
  const random = new SeededRandom(seed)
  const offset = random.between(0, THINNED - 1)
  let files = 0
  return new Map(
    changes.map((change) => {
      if (lane !== 'machine' || !change.startsWith('file:')) return [change, lane]
      files += 1
      const other = random.pick(['worker', 'connection'] as const)
      return [change, files % THINNED === offset ? lane : other]
    }),
  )
}
