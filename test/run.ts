import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { messageOf } from '../common/errors.ts'
import { lookForEngine } from '../start/engine.ts'
import { buildEngine, hasGo } from '../tools/engine/build.ts'
import { runChecks } from './check.ts'
import { RunningService } from './host/running-service.ts'
import { removeLeftovers } from './leftovers.ts'

interface Level {
  name: string
  files: (file: string) => boolean
  /** Test files at once; booted machines share two cores. */
  concurrency: number
  /** One running service for all of its files: `RunningService.shared`. */
  service?: true
  /** It needs a Pulumi engine; built from Go modules where there is no other. */
  engine?: true
  /** Why its files run only where they are asked for by name. */
  onlyAsked?: string
}

const LEVELS: Level[] = [
  {
    name: 'unit and database',
    files: (file) => !/\.(shared|host|start|engine|endurance)\.test\.ts$/.test(file),
    concurrency: 2,
  },
  {
    name: 'host, one service for all',
    files: (file) => file.endsWith('.shared.test.ts'),
    concurrency: 1,
    service: true,
  },
  { name: 'host', files: (file) => file.endsWith('.host.test.ts'), concurrency: 1 },
  { name: 'start', files: (file) => file.endsWith('.start.test.ts'), concurrency: 1 },
  {
    name: 'Pulumi engine, one service for all',
    files: (file) => file.endsWith('.engine.test.ts'),
    concurrency: 1,
    service: true,
    engine: true,
  },
  {
    name: 'endurance',
    files: (file) => file.endsWith('.endurance.test.ts'),
    concurrency: 1,
    onlyAsked: 'does with every fault what the host level does with one at each change',
  },
]

interface Count {
  passed: number
  failed: number
  skipped: string[]
}

/** Seconds that went by until each result of a file; of use where one file runs at a time. */
const secondsOf = new Map<string, number>()
const LONGEST = 8

/** Runs ava on these files and shows its TAP output as it comes: a line per test, all of a failure. */
async function runAva(
  files: string[],
  concurrency: number,
  environment: Record<string, string>,
): Promise<Count> {
  const child = spawn('ava', ['--tap', '--concurrency', String(concurrency), ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const count: Count = { passed: 0, failed: 0, skipped: [] }
  let last = Date.now()
  for await (const line of createInterface({ input: child.stdout })) {
    // A title begins with the names of folders and file.
    const file = /^(?:not )?ok \d+ - (.+?\.(?:shared|host|start|engine|endurance)) › /.exec(line)?.[1]
    if (file && concurrency === 1) {
      secondsOf.set(file, (secondsOf.get(file) ?? 0) + (Date.now() - last) / 1000)
      last = Date.now()
    }
    if (/^ok .* # SKIP/.test(line))
      count.skipped.push(line.replace(/^ok \d+ - /, '').replace(/ # SKIP.*/, ''))
    else if (/^ok /.test(line)) count.passed += 1
    else if (/^not ok /.test(line)) count.failed += 1
    if (!/^(#|TAP|1\.\.|\s*$)/.test(line)) console.log(line)
  }
  const code =
    child.exitCode ??
    (await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1))))
  // A crash or a file that does not end shows in the exit code alone.
  if (code !== 0 && count.failed === 0) count.failed = 1
  return count
}

/** Titles of the tests of a file, for a report of those that do not run. */
function titlesOf(file: string): string[] {
  const titles = readFileSync(file, 'utf8').matchAll(/^\s*test(?:\.serial)?\(\s*['"`]([^'"`]+)/gm)
  return [...titles].map(([, title = '']) => `${file} › ${title}`)
}

/** Where Go is there an engine can be had: that it could not is a failure. */
async function engineState(): Promise<'there' | 'none' | 'broken'> {
  if ((await lookForEngine(undefined)).engine) return 'there'
  if (!hasGo()) return 'none'
  try {
    await buildEngine(console.log)
    return 'there'
  } catch (error) {
    console.log(`not ok - the Pulumi engine: ${messageOf(error)}`)
    return 'broken'
  }
}

async function runLevel(level: Level, files: string[]): Promise<Count> {
  if (level.engine) {
    const engine = await engineState()
    if (engine !== 'there') {
      const skipped = files.flatMap(titlesOf).map((name) => `${name} (no Pulumi engine: npm run doctor)`)
      return { passed: 0, failed: engine === 'broken' ? 1 : 0, skipped }
    }
  }
  const environment: Record<string, string> = level.engine ? { DBHOST_ENGINE: 'any' } : {}
  if (!level.service) return await runAva(files, level.concurrency, environment)
  const service = await RunningService.start(() => {}, environment)
  try {
    return await runAva(files, level.concurrency, { ...environment, ...service.environment })
  } finally {
    await service.remove()
  }
}

const asked = process.argv.slice(2)
const all = globSync('**/*.test.ts', { exclude: ['node_modules/**'] }).filter(
  (file) => asked.length === 0 || asked.some((part) => file.includes(part)),
)
const total: Count = { passed: 0, failed: 0, skipped: [] }
const minutes: string[] = []

if (asked.length === 0) {
  const failed = runChecks()
  total.failed += failed.length
  total.passed += 3 - failed.length
}
await removeLeftovers(console.log)
for (const level of LEVELS) {
  const files = all.filter(level.files)
  if (files.length === 0) continue
  if (level.onlyAsked !== undefined && asked.length === 0) {
    total.skipped.push(...files.map((file) => `${level.name} › ${file} (${level.onlyAsked})`))
    continue
  }
  console.log(`\n${level.name}: ${files.length} files`)
  const began = Date.now()
  const { passed, failed, skipped } = await runLevel(level, files).catch((error: unknown): Count => {
    console.log(`not ok - ${level.name}: ${messageOf(error)}`)
    return { passed: 0, failed: 1, skipped: [] }
  })
  total.passed += passed
  total.failed += failed
  total.skipped.push(...skipped)
  minutes.push(`${level.name} ${((Date.now() - began) / 60_000).toFixed(1)} min`)
}
console.log(`\n${minutes.join(', ')}`)
const longest = [...secondsOf].toSorted(([, a], [, b]) => b - a).slice(0, LONGEST)
for (const [file, seconds] of longest) console.log(`${seconds.toFixed(0).padStart(5)} s  ${file}`)
for (const name of total.skipped) console.log(`skipped: ${name}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
