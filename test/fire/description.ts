import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { inMachine } from './machine.ts'

const SCRIPT = readFileSync(join(import.meta.dirname, 'description.sh'), 'utf8')

/** Everything that a converge may have made on a machine, one thing a line, without what is the machine's own. */
export function describeMachine(machine: LocalMachine): string[] {
  const { address4, outer4, address6, outer6, hostname } = machine
  const values = {
    ...{ ADDRESS4: address4.replaceAll('.', '\\.'), OUTER4: outer4.replaceAll('.', '\\.') },
    ...{ ADDRESS6: address6, OUTER6: outer6, ADDRESS6_DASHED: address6.replaceAll(':', '-') },
    HOST_NAME: hostname,
  }
  const given = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`)
  return inMachine(machine, given.join('') + SCRIPT)
    .split('\n')
    .filter(Boolean)
}

/** Lines that only one of two descriptions has. */
export function differences(wanted: readonly string[], found: readonly string[]): string[] {
  const [left, right] = [new Set(wanted), new Set(found)]
  return [
    ...wanted.filter((line) => !right.has(line)).map((line) => `missing: ${line}`),
    ...found.filter((line) => !left.has(line)).map((line) => `new: ${line}`),
  ]
}
