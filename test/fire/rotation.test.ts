import test from 'ava'
import { FAULTS, type Fault, faultsOf } from './rotation.ts'

const files = Array.from({ length: 50 }, (_, index) => `file:/etc/${index}`)
const changes = [...files.slice(0, 20), 'packages', 'user:pgbouncer', ...files.slice(20), 'start:a.service']
const deaths = (faults: Map<string, Fault>): string[] =>
  [...faults].filter(([, fault]) => fault === 'machine').map(([change]) => change)

test('every change meets every fault over the three lanes, written files a tenth of the machine deaths', (t) => {
  for (const seed of [0, 1, 7, 12345]) {
    const lanes = FAULTS.map((lane) => faultsOf(lane, changes, seed))
    for (const change of changes.filter((one) => !one.startsWith('file:'))) {
      t.deepEqual(
        lanes.map((lane) => lane.get(change)),
        [...FAULTS],
      )
    }
    for (const [lane, faults] of lanes.slice(0, 2).entries())
      t.deepEqual([...new Set(faults.values())], [FAULTS[lane]])
    t.is(deaths(lanes[2] ?? new Map()).length, 3 + 5)
  }
})

test('the same seed gives the same faults, another seed others', (t) => {
  t.deepEqual(faultsOf('machine', changes, 7), faultsOf('machine', changes, 7))
  t.notDeepEqual(deaths(faultsOf('machine', changes, 7)), deaths(faultsOf('machine', changes, 8)))
})
