import test from 'ava'
import { FAULT_KINDS } from './plan.ts'
import { soak } from './soak.ts'

const SEED = 4
const MINUTES = 1.25

test('a short soak under every kind of fault loses nothing, doubles nothing and leaves nothing over', async (t) => {
  t.timeout(15 * 60_000)
  const { summary, violations } = await soak(SEED, MINUTES, (line) => t.log(line))
  t.deepEqual(violations, [], summary)
  for (const kind of FAULT_KINDS) t.true(summary.includes(`${kind} `), `${kind} in ${summary}`)
})
