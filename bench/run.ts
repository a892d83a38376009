import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Result, renderComparison, renderTable } from './report.ts'
import { benchService } from './service.ts'
import { renderStacks } from './stacks/report.ts'
import { benchStacks } from './stacks/run.ts'

const { values, positionals } = parseArgs({
  // `stacks`: what the Pulumi stacks of hosts cost, instead of the service.
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '11' },
    databases: { type: 'string', default: '1,100,500' },
    /** Of each run of pgbench. */
    seconds: { type: 'string', default: '15' },
    /** An earlier result to compare with. */
    against: { type: 'string' },
  },
})
const rounds = Number(values.rounds)

/** Keeps a result and shows it. */
function keep(name: string, result: object, page: string): void {
  const file = join(import.meta.dirname, 'results', name)
  writeFileSync(`${file}.json`, `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(`${file}.md`, page)
  console.log(`\n${page}`)
}

async function service(): Promise<void> {
  const before = values.against ? (JSON.parse(readFileSync(values.against, 'utf8')) as Result) : undefined
  if (before && !('throughput' in before)) {
    console.error(
      `${values.against} is of an earlier bench: run this one on the older version to compare with it.`,
    )
    process.exit(1)
  }
  const stops = values.databases.split(',').map(Number)
  const result = await benchService({ rounds, stops, seconds: Number(values.seconds) })
  keep('last', result, `${renderTable(result)}${before ? renderComparison(before, result) : ''}`)
}

async function stacks(): Promise<void> {
  const result = await benchStacks(rounds)
  keep('stacks', result, renderStacks(result))
}

try {
  await (positionals[0] === 'stacks' ? stacks() : service())
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
process.exit()
