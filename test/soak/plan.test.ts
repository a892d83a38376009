import test from 'ava'
import { describeFault, FAULT_KINDS, planFaults } from './plan.ts'

test('the same seed gives the same plan of faults, another seed another', (t) => {
  t.deepEqual(planFaults(7, 600), planFaults(7, 600))
  t.notDeepEqual(planFaults(7, 600), planFaults(8, 600))
  t.deepEqual(planFaults(7, 600).slice(0, 12), planFaults(7, 1200).slice(0, 12))
})

test('every kind comes first once, in time, and a clock moves by an hour to five days both ways', (t) => {
  const plan = planFaults(1, 20_000)
  const first = plan.slice(0, FAULT_KINDS.length).map(({ kind }) => kind)
  t.deepEqual(
    FAULT_KINDS.filter((kind) => !first.includes(kind)),
    [],
  )
  for (const [index, fault] of plan.entries()) {
    t.true(fault.at < 20_000)
    t.true(index === 0 || fault.at > (plan[index - 1]?.at ?? 0))
    t.is(fault.shift !== 0, fault.kind === 'shift the clock')
  }
  const shifts = plan.flatMap(({ shift }) => (shift === 0 ? [] : [shift]))
  t.true(shifts.some((shift) => shift < 0) && shifts.some((shift) => shift > 0))
  for (const shift of shifts) t.true(Math.abs(shift) >= 3600 && Math.abs(shift) <= 5 * 86_400)
  t.regex(
    describeFault({ at: 3, kind: 'shift the clock', lasts: 6, victim: 0, shift: -7200 }),
    /by -2 h for 6 s$/,
  )
})
