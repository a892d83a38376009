import test from 'ava'
import { describeMachine, differences } from '../fire/description.ts'
import { convergeAgain, converged, databaseWorks } from '../fire/host-ending.ts'
import { type FaultOf, Lane } from '../fire/lane.ts'
import { machineOf } from '../fire/machine.ts'
import { FAULTS, type Fault, faultsOf } from '../fire/rotation.ts'
import { newSeed } from '../random.ts'

const seed = Number(process.env.DBHOST_TEST_SEED ?? newSeed())
const lanes: Lane[] = []
let undisturbed: Lane

async function openLane(name: string, faultOf: FaultOf): Promise<Lane> {
  const lane = await Lane.open(name, faultOf, seed)
  lanes.push(lane)
  return lane
}

const describe = async ({ plane }: Lane): Promise<string[]> =>
  describeMachine(await machineOf(plane.installation))

test.before(async () => {
  undisturbed = await openLane('undisturbed', () => undefined)
  await converged(undisturbed.plane)
})
test.after.always(async () => {
  await Promise.all(lanes.map(({ plane }) => plane.close()))
})

/** Changes that the installation of packages brings about by itself, where it died after its work. */
const BY_PACKAGES = /^enable:(caddy|pgbouncer)\.service$/
/** Changes that a boot brings about by itself: a unit that is enabled runs then, and makes what it needs. */
const BY_BOOT = /^(start|restart|reload|enable|run|link):/

const MOMENT_OF_BOOT = 'a certificate is made'
/** Those of the undisturbed plan that no lane of this fault has to begin. */
const isExplained = (fault: Fault, change: string): boolean =>
  BY_PACKAGES.test(change) || (fault === 'machine' && BY_BOOT.test(change))

async function underFire(fault: Fault): Promise<Lane> {
  const faults = faultsOf(fault, undisturbed.changes, seed)
  const lane = await openLane(`fire-${fault}`, (change) => faults.get(change) ?? fault)
  await converged(lane.plane)
  return lane
}

test(`a converge that is interrupted at every change ends as an undisturbed one (seed ${seed})`, async (t) => {
  t.timeout(60 * 60_000)
  const wanted = await describe(undisturbed)
  const fired = await Promise.all(FAULTS.map((fault) => underFire(fault)))
  const wrong: string[] = []
  for (const [index, lane] of fired.entries()) {
    const fault = FAULTS[index] ?? 'worker'
    t.log(`${fault}: ${lane.fired.length} faults`)
    const unmet = undisturbed.changes.filter((change) => !lane.changes.includes(change))
    wrong.push(
      ...unmet
        .filter((change) => !isExplained(fault, change))
        .map((change) => `${fault}: not begun: ${change}`),
      ...lane.missed
        .filter((moment) => fault !== 'machine' || moment !== MOMENT_OF_BOOT)
        .map((moment) => `${fault}: never met: ${moment}`),
      ...differences(wanted, await describe(lane)).map((difference) => `${fault}: ${difference}`),
    )
  }
  t.deepEqual(wrong, [])
  for (const { plane } of [undisturbed, ...fired]) {
    t.regex(await convergeAgain(plane), /configure: 0 changes\ntenants: no change/)
    t.deepEqual(await databaseWorks(plane), ['1', '2'])
    t.regex(await convergeAgain(plane), /configure: 0 changes\ntenants: no change/)
  }
})
