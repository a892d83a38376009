import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Instance } from '../api/model/instance.ts'
import { removeImages } from '../hosts/local/remove.ts'
import { openService } from '../test/host/service.ts'
import { Clone, type Command } from '../test/start/clone.ts'
import { measureConverge } from './converge.ts'
import { type CreateFigures, growTo, measureCreates } from './create.ts'
import { measureMemory } from './memory.ts'
import { type Result, renderComparison, renderTable } from './report.ts'
import { measureThroughput } from './throughput.ts'

const { values } = parseArgs({
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
const stops = values.databases.split(',').map(Number)
const before = values.against ? (JSON.parse(readFileSync(values.against, 'utf8')) as Result) : undefined
if (before && !('throughput' in before)) {
  console.error(
    `${values.against} is of an earlier bench: run this one on the older version to compare with it.`,
  )
  process.exit(1)
}

let running: Command | undefined

/** Seconds until `npm start` says that it runs. */
async function start(clone: Clone): Promise<number> {
  const began = Date.now()
  running = await clone.start()
  return (Date.now() - began) / 1000
}

async function stop(): Promise<void> {
  const command = running
  running = undefined
  await command?.interrupt()
}

const clone = Clone.make()
try {
  const imageAbsent = await removeImages()
  const coldSeconds = await start(clone)
  console.log(`npm start, image ${imageAbsent ? 'absent' : 'cached'}: ${coldSeconds.toFixed(1)} s`)
  await stop()
  const warmSeconds = await start(clone)
  console.log(`npm start, warm: ${warmSeconds.toFixed(1)} s`)

  const service = await openService(clone)
  const instance = await service.orm.em.fork().findOneOrFail(Instance, { host: service.host.id })
  const memoryBefore = await measureMemory(service, instance.name)
  const throughput = await measureThroughput(clone, service, Number(values.seconds))
  const convergeMs = await measureConverge(service)
  const creates: CreateFigures[] = []
  for (const stop of stops) {
    await growTo(service, stop)
    creates.push(await measureCreates(service, rounds))
    console.log(`measured at ${stop} databases`)
  }
  const convergeFullMs = await measureConverge(service)
  const memoryAfter = await measureMemory(service, instance.name)
  await service.close()
  await stop()

  const result: Result = {
    measuredAt: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', rounds },
    start: { coldSeconds, imageAbsent, warmSeconds },
    throughput,
    creates,
    converge: { oneDatabaseMs: convergeMs, allDatabasesMs: convergeFullMs },
    memory: { before: memoryBefore, after: memoryAfter },
  }
  const table = `${renderTable(result)}${before ? renderComparison(before, result) : ''}`
  const folder = join(import.meta.dirname, 'results')
  writeFileSync(join(folder, 'last.json'), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, 'last.md'), table)
  console.log(`\n${table}`)
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await stop()
  await clone.remove()
}
process.exit()
