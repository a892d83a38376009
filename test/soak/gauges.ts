import { readdirSync, readFileSync } from 'node:fs'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { inMachine } from '../fire/machine.ts'
import { programsOf } from '../start/asking.ts'
import type { Clone } from '../start/clone.ts'

/** What may not grow, by name: counts, and memory in MB. */
export type Gauges = { [name: string]: number }

/** How much more than after the warm-up is still no growth. */
const BOUNDS: [RegExp, (before: number) => number][] = [
  [/memory/, (before) => before * 1.5 + 64],
  [/open files/, (before) => before * 1.25 + 16],
  // Pools and background workers come and go with the moment.
  [/processes|connections/, (before) => before + 8],
  [/./, (before) => before + 2],
]

const proportionalMb = (pid: number): number => {
  const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Number(pss ?? 0) / 1024
}

function controlPlane(clone: Clone): Gauges {
  const gauges: Gauges = {}
  const add = (name: string, value: number): void => {
    gauges[name] = (gauges[name] ?? 0) + value
  }
  for (const { pid, argv } of programsOf(clone)) {
    const line = argv.join(' ')
    const program = line.includes('api/server')
      ? 'server'
      : line.includes('api/worker')
        ? 'worker'
        : 'PostgreSQL'
    add(`${program} processes`, 1)
    try {
      add(`${program} memory`, proportionalMb(pid))
      add(`${program} open files`, readdirSync(`/proc/${pid}/fd`).length)
    } catch {
      // It ended while we looked.
    }
  }
  return gauges
}

const HOST = `
for name in pgbouncer caddy sshd postgres sshd-session; do
  echo "$name processes	$(pgrep -cx "$name" || true)"
done
for name in pgbouncer caddy; do
  pid=$(systemctl show -p MainPID --value $name)
  echo "$name memory	$(($(awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup) / 1024))"
  echo "$name open files	$(ls /proc/$pid/fd | wc -l)"
done
echo "host processes	$(ps -e --no-headers | wc -l)"
echo "host connections	$(ss -Htn state established | wc -l)"
echo "host failed units	$(systemctl list-units --failed --no-legend | wc -l)"
echo "host mounts	$(wc -l </proc/mounts)"
echo "pool generations	$(ls /etc/pgbouncer/generations | wc -l)"
echo "temporary files	$(find /run /tmp /etc /var/lib/pgi-images -xdev \\( -name '*dbhost-sql.*' -o -name '*.dbhost-*' -o -name '*trial*' -o -name '.new*' -o -name '.*.new' -o -name '*-check.*' \\) 2>/dev/null | wc -l)"
`

/** Everything that could grow, read while nothing happens. */
export function readGauges(clone: Clone, machine: LocalMachine): Gauges {
  const host = inMachine(machine, HOST)
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', value = ''] = line.split('\t')
      return [name, Number(value)] as const
    })
  return { ...controlPlane(clone), ...Object.fromEntries(host) }
}

/** What grew beyond its bound, in words. */
export function grown(before: Gauges, after: Gauges): string[] {
  return Object.entries(after).flatMap(([name, value]) => {
    const start = before[name] ?? 0
    const most = BOUNDS.find(([pattern]) => pattern.test(name))?.[1](start) ?? start
    return value > most
      ? [`${name}: ${value.toFixed(0)} after ${start.toFixed(0)}, at most ${most.toFixed(0)}`]
      : []
  })
}
