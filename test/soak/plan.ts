import { SeededRandom } from '../random.ts'

/** What goes wrong, each with how long it lasts, in seconds. */
const KINDS = {
  'kill the server': [0, 0],
  'kill the worker': [0, 0],
  'kill the PostgreSQL of the control plane': [0, 0],
  'kill PgBouncer': [0, 0],
  'kill an instance': [0, 0],
  'kill Caddy': [0, 0],
  'reboot the machine': [0, 0],
  'kill the machine': [0, 0],
  'cut SSH': [0, 0],
  'drop SSH silently': [3, 12],
  'fill a disk': [2, 6],
  'shift the clock': [6, 20],
} as const

export type FaultKind = keyof typeof KINDS
export const FAULT_KINDS = Object.keys(KINDS) as FaultKind[]

export interface PlannedFault {
  /** Seconds after the begin, at the earliest: each fault waits for the end of the one before. */
  at: number
  kind: FaultKind
  /** Seconds. */
  lasts: number
  /** Chooses among several victims. */
  victim: number
  /** Seconds that the control plane's clock is ahead; only of a shifted clock. */
  shift: number
}

const HOUR = 3600
const MOST_SHIFT = 5 * 24 * HOUR
const PAUSE = [1, 5] as const

/** Hours to days, ahead or behind. */
const shiftBy = (random: SeededRandom): number =>
  random.pick([-1, 1]) * Math.round(HOUR * (MOST_SHIFT / HOUR) ** random.next())

/**
 * The faults of a run: every kind once in an order of the seed, then any, until the time is up. The same for the same
 * seed and length.
 */
export function planFaults(seed: number, seconds: number): PlannedFault[] {
  const random = new SeededRandom(seed)
  const first = random.shuffled(FAULT_KINDS)
  const plan: PlannedFault[] = []
  for (let at = random.between(...PAUSE); at < seconds; ) {
    const kind = first[plan.length] ?? random.pick(FAULT_KINDS)
    const [least, most] = KINDS[kind]
    const lasts = random.between(least, most)
    const shift = kind === 'shift the clock' ? shiftBy(random) : 0
    plan.push({ at, kind, lasts, victim: random.between(0, 2 ** 16), shift })
    at += lasts + random.between(...PAUSE)
  }
  return plan
}

/** One fault as a line of the printed plan. */
export function describeFault({ at, kind, lasts, shift }: PlannedFault): string {
  const by = shift === 0 ? '' : ` by ${shift > 0 ? '+' : ''}${(shift / HOUR).toFixed(0)} h`
  return `${String(at).padStart(5)} s  ${kind}${by}${lasts > 0 ? ` for ${lasts} s` : ''}`
}
