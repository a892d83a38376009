import test from 'ava'
import { FAULTS } from '../fire/rotation.ts'
import { endAsUndisturbed } from '../fire/under-fire.ts'
import { seedOfTest } from '../random.ts'

const seed = seedOfTest()

test(`a converge in which each fault meets every change ends as an undisturbed one (seed ${seed})`, async (t) => {
  t.timeout(60 * 60_000)
  await endAsUndisturbed(t, seed, FAULTS)
})
