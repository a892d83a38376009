import type { ExecutionContext } from 'ava'
import { describeMachine, differences } from './description.ts'
import { convergeAgain, converged, databaseWorks } from './host-ending.ts'
import { Lane } from './lane.ts'
import { machineOf } from './machine.ts'
import { faultsOf, type LaneOfFaults } from './rotation.ts'

/** Changes that the installation of packages brings about by itself, where it died after its work. */
const BY_PACKAGES = /^enable:(caddy|fail2ban|pgbouncer)\.service$/
/** Changes that a boot brings about by itself: a unit that is enabled runs then, and makes what it needs. */
const BY_BOOT = /^(start|restart|reload|enable|run|link):/
const MOMENT_OF_BOOT = 'a certificate is made'

const mayBoot = (lane: LaneOfFaults): boolean => lane === 'machine' || lane === 'any'

const describe = async ({ plane }: Lane): Promise<string[]> =>
  describeMachine(await machineOf(plane.installation))

/** What a lane was to meet and did not, and what stands otherwise on its machine than on the undisturbed one. */
async function wrongIn(
  lane: Lane,
  faults: LaneOfFaults,
  undisturbed: Lane,
  wanted: readonly string[],
): Promise<string[]> {
  const isExplained = (change: string): boolean =>
    BY_PACKAGES.test(change) || (mayBoot(faults) && BY_BOOT.test(change))
  const unmet = undisturbed.changes.filter((change) => !lane.changes.includes(change))
  const missed = lane.missed.filter((moment) => !mayBoot(faults) || moment !== MOMENT_OF_BOOT)
  return [
    ...unmet.filter((change) => !isExplained(change)).map((change) => `${faults}: not begun: ${change}`),
    ...missed.map((moment) => `${faults}: never met: ${moment}`),
    ...differences(wanted, await describe(lane)).map((difference) => `${faults}: ${difference}`),
  ]
}

/**
 * Converges a bare machine undisturbed, then one in each lane, at the same time, with a fault before every change and in
 * the middle of the slow ones. All must end alike, be left alone by the next converge, and serve a database.
 */
export async function endAsUndisturbed(
  t: ExecutionContext,
  seed: number,
  lanes: readonly LaneOfFaults[],
): Promise<void> {
  const opened: Lane[] = []
  t.teardown(() => Promise.all(opened.map(({ plane }) => plane.close())))
  const open = async (...lane: Parameters<typeof Lane.open>): Promise<Lane> => {
    const made = await Lane.open(...lane)
    opened.push(made)
    return made
  }
  const undisturbed = await open('undisturbed', () => undefined, seed)
  await converged(undisturbed.plane)
  const wanted = await describe(undisturbed)
  const wrong = await Promise.all(
    lanes.map(async (faults) => {
      const planned = faultsOf(faults, undisturbed.changes, seed)
      const otherwise = faults === 'any' ? 'worker' : faults
      const lane = await open(`fire-${faults}`, (change) => planned.get(change) ?? otherwise, seed)
      await converged(lane.plane)
      t.log(`${faults}: ${lane.fired.length} faults`)
      return await wrongIn(lane, faults, undisturbed, wanted)
    }),
  )
  t.deepEqual(wrong.flat(), [])
  for (const { plane } of opened) {
    t.regex(await convergeAgain(plane), /configure: 0 changes\ntenants: no change/)
    t.deepEqual(await databaseWorks(plane), ['1', '2'])
    t.regex(await convergeAgain(plane), /configure: 0 changes\ntenants: no change/)
  }
}
