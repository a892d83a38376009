import { cpus } from 'node:os'
import { Instance } from '../api/model/instance.ts'
import { removeImages } from '../hosts/local/remove.ts'
import { openService } from '../test/host/service.ts'
import { Clone, type Command } from '../test/start/clone.ts'
import { measureConverge } from './converge.ts'
import { type CreateFigures, growTo, measureCreates } from './create.ts'
import { measureMemory } from './memory.ts'
import type { Result } from './report.ts'
import { measureThroughput } from './throughput.ts'

interface Options {
  rounds: number
  /** Numbers of databases at which creates are measured. */
  stops: number[]
  /** Of each run of pgbench. */
  seconds: number
}

/** Measures a service of its own, from `npm start` on an empty computer to a host full of databases. */
export async function benchService({ rounds, stops, seconds }: Options): Promise<Result> {
  let running: Command | undefined
  /** Seconds until `npm start` says that it runs. */
  const start = async (): Promise<number> => {
    const began = Date.now()
    running = await clone.start()
    return (Date.now() - began) / 1000
  }
  const stop = async (): Promise<void> => {
    const command = running
    running = undefined
    await command?.interrupt()
  }

  const clone = Clone.make()
  try {
    const imageAbsent = await removeImages()
    const coldSeconds = await start()
    console.log(`npm start, image ${imageAbsent ? 'absent' : 'cached'}: ${coldSeconds.toFixed(1)} s`)
    await stop()
    const warmSeconds = await start()
    console.log(`npm start, warm: ${warmSeconds.toFixed(1)} s`)

    const service = await openService(clone)
    const instance = await service.orm.em.fork().findOneOrFail(Instance, { host: service.host.id })
    const memoryBefore = await measureMemory(service, instance.name)
    const throughput = await measureThroughput(clone, service, seconds)
    const convergeMs = await measureConverge(service)
    const creates: CreateFigures[] = []
    for (const count of stops) {
      await growTo(service, count)
      creates.push(await measureCreates(service, rounds))
      console.log(`measured at ${count} databases`)
    }
    const convergeFullMs = await measureConverge(service)
    const memoryAfter = await measureMemory(service, instance.name)
    await service.close()
    await stop()

    return {
      measuredAt: new Date().toISOString(),
      machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', rounds },
      start: { coldSeconds, imageAbsent, warmSeconds },
      throughput,
      creates,
      converge: { oneDatabaseMs: convergeMs, allDatabasesMs: convergeFullMs },
      memory: { before: memoryBefore, after: memoryAfter },
    }
  } finally {
    await stop()
    await clone.remove()
  }
}
