import { InvalidArgumentError, program } from 'commander'
import { newSeed } from '../random.ts'
import { soak } from './soak.ts'

const number = (text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0 && text.trim() !== '') return value
  throw new InvalidArgumentError('it is a number.')
}

program
  .name('npm run soak --')
  .description('Runs a service of its own under faults, then audits it. The seed decides the faults.')
  .option('--minutes <number>', 'how long faults go on', number, 10)
  .option('--seed <number>', 'repeats the faults of an earlier run', number)
  .helpOption('--help')
  .parse()
const { minutes, seed } = program.opts<{ minutes: number; seed?: number }>()
const { summary, violations } = await soak(Math.trunc(seed ?? newSeed()), minutes, (line) =>
  console.log(line),
)
for (const text of violations) console.log(`violation: ${text}`)
console.log(summary)
process.exit(violations.length === 0 ? 0 : 1)
