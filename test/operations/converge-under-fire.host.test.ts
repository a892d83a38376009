import test from 'ava'
import { endAsUndisturbed } from '../fire/under-fire.ts'
import { seedOfTest } from '../random.ts'

const seed = seedOfTest()

test(`a converge that is interrupted at every change ends as an undisturbed one (seed ${seed})`, async (t) => {
  t.timeout(30 * 60_000)
  await endAsUndisturbed(t, seed, ['any'])
})
