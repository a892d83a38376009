import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { processesIn } from './machine.ts'

/** A moment in the middle of a change: is it now? */
export interface Moment {
  name: string
  isNow: (machine: LocalMachine) => boolean
  /** Milliseconds after it at most, by the seed. */
  upTo: number
}

const file = (path: string) => (machine: LocalMachine) => existsSync(join(machine.root, path))
const running = (program: string) => (machine: LocalMachine) => processesIn(machine, program).length > 0

function certificateBegun({ root }: LocalMachine): boolean {
  const store = join(root, 'etc/pgbouncer/certificates')
  return existsSync(store) && readdirSync(store).some((name) => name.startsWith('.new.'))
}

/** In the changes that take long enough to die in: their moments, each met by a fault of its own. */
export const MOMENTS: Record<string, Moment[]> = {
  packages: [
    { name: 'packages are fetched', isNow: running('/usr/lib/apt/methods/'), upTo: 1000 },
    { name: 'packages are unpacked', isNow: running('/usr/bin/dpkg\0'), upTo: 1500 },
    { name: 'packages are configured', isNow: running('/bin/sh\0/var/lib/dpkg/info/'), upTo: 1500 },
  ],
  'run:cluster-template': [
    { name: 'initdb runs', isNow: file('var/lib/pgi-images/.template.new/data/base'), upTo: 500 },
    { name: 'the image is written', isNow: file('var/lib/pgi-images/.template.img.new'), upTo: 50 },
  ],
  'start:pgbouncer.service': [{ name: 'a certificate is made', isNow: certificateBegun, upTo: 20 }],
}
