import { readdirSync, readFileSync } from 'node:fs'
import { script } from '../provisioner/shell.ts'
import type { Service } from '../test/host/service.ts'

export interface MemoryFigures {
  /** Proportional set size in KiB. */
  server: number
  worker: number
  poolerKiB: number
  instanceKiB: number
  /** Everything on the host that is no instance: what it costs to have a host at all. */
  hostKiB: number
}

const PSS = `
sum() { for pid; do cat /proc/$pid/smaps_rollup 2>/dev/null || true; done | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'; }
of() { cat "/sys/fs/cgroup$(systemctl show -P ControlGroup "$1")/cgroup.procs"; }
sum $(of pgbouncer.service)
sum $(of "pgi@$1.service")
sum $(pgrep -v -u "$(ls /run/pgi | sed 's/^/pgi-/' | paste -sd,)")
`

/** Memory of the control plane's programs here, and of pool and one instance on the host. */
export async function measureMemory(service: Service, instance: string): Promise<MemoryFigures> {
  const output = await service.connection.run(script('memory', PSS, instance))
  const [poolerKiB = 0, instanceKiB = 0, hostKiB = 0] = output.trim().split('\n').map(Number)
  const of = (program: string): number => pssOf(`${service.installation.stateDir}/app/`, `api/${program}.ts`)
  return { server: of('server'), worker: of('worker'), poolerKiB, instanceKiB, hostKiB }
}

function pssOf(...parts: string[]): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (line.startsWith('/bin/sh') || !parts.every((part) => line.includes(part))) continue
      return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
    } catch {
      // It ended while we looked.
    }
  }
  return 0
}
