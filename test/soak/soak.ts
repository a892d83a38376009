import { setTimeout as sleep } from 'node:timers/promises'
import { Instance } from '../../api/model/instance.ts'
import { Project } from '../../api/model/project.ts'
import { machineOf } from '../fire/machine.ts'
import { openService } from '../host/service.ts'
import { SeededRandom } from '../random.ts'
import { auditService } from './audit.ts'
import { Calls } from './calls.ts'
import { Faults } from './faults.ts'
import { grown, readGauges } from './gauges.ts'
import { selfEnded, unhandledErrors } from './logs.ts'
import { describeFault, planFaults } from './plan.ts'
import { Record } from './record.ts'
import { type SoakService, startSoakService } from './service.ts'
import { FILLER, type Surroundings, Tenant } from './tenant.ts'
import { Weather } from './weather.ts'

const TENANTS = ['red', 'green', 'blue', 'small'] as const
const SMALL = 'small'
const SMALL_BYTES = 700 * 1024 ** 2

export interface SoakResult {
  /** The one line that tells all. */
  summary: string
  violations: string[]
}

/** Runs a service of its own under faults. The plan of faults depends on seed and length alone. */
export async function soak(
  seed: number,
  minutes: number,
  print: (line: string) => void,
): Promise<SoakResult> {
  const record = new Record(print)
  const plan = planFaults(seed, minutes * 60)
  print(`seed ${seed}, ${minutes} minutes, ${plan.length} faults planned:`)
  for (const fault of plan) print(describeFault(fault))
  const service = await startSoakService()
  try {
    await run(service, record, plan, seed, minutes)
  } catch (error) {
    record.violation(`the run broke: ${error instanceof Error ? error.stack : String(error)}`)
  } finally {
    await service.remove()
  }
  const summary = `soak: seed ${seed}, ${minutes} minutes, ${record.summary}`
  return { summary, violations: record.violations }
}

async function run(
  { running, clockFile }: SoakService,
  record: Record,
  plan: ReturnType<typeof planFaults>,
  seed: number,
  minutes: number,
): Promise<void> {
  const { clone, service } = running
  const { installation, host, ca } = service
  const machine = await machineOf(installation)
  const { apiUrl, apiKey, database: hello } = clone.facts
  if (!hello) throw new Error('npm start left no database')
  const calls = new Calls(apiUrl, apiKey, record)
  const weather = new Weather()
  const around: Surroundings = { calls, record, weather, ca, own: host.spec.controlPlane }
  const random = new SeededRandom(seed)
  const tenants = TENANTS.map(
    (name) => new Tenant(name, around, new SeededRandom(random.between(0, 2 ** 31))),
  )

  record.say('warming up: an instance for each project')
  await makeSmallInstance(running.service, calls)
  for (const tenant of tenants) {
    if (tenant.project !== SMALL) await calls.definite('POST', '/projects', { name: tenant.project })
    await tenant.create()
    for (const kept of [...tenant.databases]) await tenant.delete(kept)
  }
  const filler = await calls.definite('POST', '/databases', { name: FILLER, project: SMALL })
  await sleep(15_000)
  const before = readGauges(clone, machine)

  const faults = new Faults(
    {
      ...{ clone, machine, clockFile, witness: { ...hello, ca } },
      small: { target: { ...filler.body, ca }, id: filler.body.id, project: SMALL },
      apiIsUp: async () => (await fetch(`${apiUrl}/readyz`)).status === 200,
      cleanUp: async (id) => {
        const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
        await fetch(`${apiUrl}/api/v1/databases/${id}/cleanup-login`, { method: 'POST', headers, body: '{}' })
      },
    },
    record,
    weather,
  )
  const stop = new AbortController()
  const working = Promise.all(tenants.map((tenant) => tenant.run(stop.signal)))
  const began = performance.now()
  await faults.play(plan, minutes * 60)
  await sleep(Math.max(0, minutes * 60_000 - (performance.now() - began)))
  stop.abort()
  await working

  record.say('all is healed: wanted must be observed')
  await audit(running, record, 'with databases')
  for (const tenant of tenants) {
    for (const kept of [...tenant.databases]) {
      await tenant.use(kept)
      await tenant.delete(kept)
    }
  }
  await audit(running, record, 'after the last delete')
  await sleep(15_000)
  const after = readGauges(clone, machine)
  record.say(`before ${JSON.stringify(before)}`)
  record.say(`after  ${JSON.stringify(after)}`)
  for (const text of grown(before, after)) record.violation(`grew: ${text}`)
  for (const text of unhandledErrors(installation.logDir)) record.violation(`unhandled: ${text}`)
  for (const text of selfEnded(running.output)) record.violation(`ended by itself: ${text}`)
}

/** The rows of this instance stand before its first database, so it is made with little space. */
async function makeSmallInstance(
  { orm, host }: SoakService['running']['service'],
  calls: Calls,
): Promise<void> {
  await calls.definite('POST', '/projects', { name: SMALL })
  await orm.em.fork().transactional(async (tx) => {
    const project = await tx.findOneOrFail(Project, { name: SMALL })
    const { instanceMemoryBytes: memoryBytes, instanceConnections: maxConnections } = host.spec
    tx.create(Instance, { project, host: host.id, storageBytes: SMALL_BYTES, memoryBytes, maxConnections })
  })
}

/** By connections of its own: those of before the faults are gone. */
async function audit(running: SoakService['running'], record: Record, when: string): Promise<void> {
  const service = await openService(running.clone)
  try {
    const machine = await machineOf(service.installation)
    for (const text of await auditService(service, machine)) record.violation(`${when}: ${text}`)
  } finally {
    await service.close()
  }
}
