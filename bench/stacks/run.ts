import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { Secret } from '../../common/secret.ts'
import type { StackSettings } from '../../stacks/gateway.ts'
import { lookForEngine } from '../../start/engine.ts'
import { stateOf } from '../../start/stacks.ts'
import { BuyingService } from '../../test/stacks/buying.ts'
import { buildEngine } from '../../tools/engine/build.ts'
import { newNetwork } from '../create.ts'
import { BareEngine } from './bare.ts'
import { BoughtHost } from './bought-host.ts'
import { measureManagedCreates } from './creates.ts'
import { EDGE_STACK, measureEdgeUpdate } from './edge-update.ts'
import { measureRefreshes } from './refreshes.ts'
import type { StackResult } from './report.ts'
import { measureRunMemory } from './run-memory.ts'
import { StackHost } from './stack-host.ts'

/** As many as the worker runs at once. */
const MACHINES = 2

const load = (): number => loadavg()[0] ?? 0

/** Stacks without a cloud: what they cost on machines that are there. */
async function measureLocal(
  buying: BuyingService,
  settings: StackSettings,
  rounds: number,
): Promise<
  Pick<StackResult, 'edgeUpdate' | 'refreshes'> & { memory: Omit<StackResult['memory'], 'bought'> }
> {
  const { engine } = buying.managed
  const machines: StackHost[] = []
  try {
    while (machines.length < MACHINES) machines.push(await StackHost.boot(engine, settings))
    const [host] = machines
    if (!host) throw new Error('there is no machine')
    await host.run('adopt', EDGE_STACK)
    const bare = new BareEngine(engine, settings)
    const edgeUpdate = await measureEdgeUpdate(host, bare, rounds)
    console.log(`measured an update of the edge: ratio ${edgeUpdate.ratio.toFixed(2)}`)
    host.allowOneMore()
    const memory = {
      bare: await measureRunMemory(() => bare.update()),
      edge: await measureRunMemory(() => host.run('update', EDGE_STACK)),
    }
    const refreshes = await measureRefreshes(machines)
    const each = refreshes.map(({ hosts, seconds }) => `${hosts} in ${seconds.toFixed(1)} s`)
    console.log(`measured refreshes of hosts: ${each.join(', ')}`)
    return { edgeUpdate, memory, refreshes }
  } finally {
    for (const machine of machines) await machine.remove()
  }
}

/** Creates on a host that its stack manages, and on one that its stack has bought. */
async function measureCreates(
  buying: BuyingService,
  settings: StackSettings,
  rounds: number,
): Promise<StackResult['creates'] & { memory: StackResult['memory']['bought'] }> {
  const { managed, emulator } = buying
  const settled = (): Promise<unknown> => managed.settled()
  const local = await measureManagedCreates(managed.running.service, rounds, settled)
  console.log(`measured creates on a local host: ratio ${local.ratio.toFixed(2)}`)
  const cloud = { token: new Secret(emulator.token), endpoint: emulator.endpoint }
  const host = await BoughtHost.buy(buying, { ...settings, cloud })
  try {
    const update = (network: string): Promise<unknown> => host.allowOneMore(network)
    const bought = await measureManagedCreates(host.service, rounds, settled, update)
    await settled()
    return { local, bought, memory: await measureRunMemory(() => update(newNetwork())) }
  } finally {
    host.close()
  }
}

/** Measures what stacks cost, by the real engine on real machines. */
export async function benchStacks(rounds: number): Promise<StackResult> {
  if (!(await lookForEngine(undefined)).engine) await buildEngine(console.log)
  process.env.DBHOST_ENGINE = 'any'
  const before = load()
  const buying = await BuyingService.shared()
  try {
    const { engine, running } = buying.managed
    const { installation } = running.service
    // As the worker's: PostgreSQL for the state, and its folder.
    const settings = { state: () => stateOf(installation), directory: join(installation.stateDir, 'stacks') }
    const { memory, ...local } = await measureLocal(buying, settings, rounds)
    const { memory: bought, ...creates } = await measureCreates(buying, settings, rounds)
    return {
      measuredAt: new Date().toISOString(),
      machine: {
        ...{ cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', rounds },
        load: [before, load()],
      },
      engine: `Pulumi ${engine.version}`,
      ...local,
      ...{ memory: { ...memory, bought }, creates },
    }
  } finally {
    await buying.remove()
  }
}
