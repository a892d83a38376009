import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Tenancy } from '../hosts/host-spec.ts'
import { listMachines } from '../hosts/local/machine.ts'
import { LAYOUT } from '../provisioner/layout.ts'
import type { Answer, Service } from '../test/host/service.ts'
import type { Clone } from '../test/start/clone.ts'

/** Transactions per second of pgbench through 6432 over verified TLS: TPC-B-like writes, and reads. */
export interface Throughput {
  writes: number
  reads: number
}

const SCALE = '5'
const CLIENTS = '4'
const DEDICATED = 'bench-dedicated'

/** Measures on the shared host that stands, and on a dedicated one made for it. */
export async function measureThroughput(
  clone: Clone,
  service: Service,
  seconds: number,
): Promise<Record<Tenancy, Throughput>> {
  const added = await clone.run(
    'admin',
    'host',
    'add',
    DEDICATED,
    '--kind',
    'local',
    '--tenancy',
    'dedicated',
  )
  if (added.code !== 0) throw new Error(added.output)
  await service.request('POST', '/projects', { name: DEDICATED })
  const { body: onShared } = await service.request('POST', '/databases', { name: 'pgbench' })
  const { body: onDedicated } = await service.request('POST', '/databases', {
    ...{ name: 'pgbench', project: DEDICATED, host: DEDICATED },
  })
  const machines = await listMachines(service.installation.stateDir)
  const measure = async (database: Answer): Promise<Throughput> => {
    const machine = machines.find(({ address4 }) => address4 === database.host)
    if (!machine) throw new Error(`no machine has the address ${database.host}`)
    const pgbench = pgbenchFrom(machine.root, database)
    await pgbench('--initialize', '--quiet', '--scale', SCALE)
    const run = async (...kind: string[]): Promise<number> =>
      rateOf(await pgbench('--client', CLIENTS, '--time', String(seconds), ...kind))
    return { writes: await run(), reads: await run('--select-only') }
  }
  const figures = { shared: await measure(onShared), dedicated: await measure(onDedicated) }
  for (const { id } of [onShared, onDedicated]) await service.request('DELETE', `/databases/${id}`)
  return figures
}

/** The pgbench in a machine's file tree, run with this computer's network: a client from outside. */
function pgbenchFrom(root: string, { database, username, password, host, port }: Answer) {
  const env = {
    ...{ PATH: '/usr/bin:/bin', PGSSLMODE: 'verify-full', PGSSLROOTCERT: LAYOUT.ca },
    ...{ PGHOST: host, PGPORT: String(port), PGUSER: username, PGPASSWORD: password },
  }
  // Not synchronously: connections to the API that end meanwhile would be taken for open ones.
  return async (...args: string[]): Promise<string> => {
    const command = [root, '/usr/lib/postgresql/17/bin/pgbench', '--no-vacuum', ...args, database]
    return (await promisify(execFile)('/usr/sbin/chroot', command, { env })).stdout
  }
}

function rateOf(output: string): number {
  const rate = Number(/^tps = ([\d.]+)/m.exec(output)?.[1])
  if (!Number.isFinite(rate)) throw new Error(`pgbench named no rate: ${output.slice(-500)}`)
  return Math.round(rate)
}
