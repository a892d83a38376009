import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { prepareImage } from '../../hosts/local/image.ts'
import { type TestInstallation, testInstallation } from '../installation.ts'
import { HetznerEmulator } from './emulator.ts'
import { localCloud } from './local-machines.ts'

const USAGE = `usage: node test/hetzner/run.ts [port] [--machines]
  --machines  Debian machines of this computer behind the servers; needs root`

function usage(problem?: string): never {
  console.error(problem === undefined ? USAGE : `${problem}\n${USAGE}`)
  process.exit(2)
}

function options(): { port: number; machines: boolean } {
  try {
    const { values, positionals } = parseArgs({
      options: { machines: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    const [port = '0', ...more] = positionals
    if (!/^\d{1,5}$/.test(port) || more.length > 0) usage()
    return { port: Number(port), machines: values.machines }
  } catch {
    return usage()
  }
}

const { port, machines } = options()
if (machines && process.getuid?.() !== 0) usage('--machines needs root')

// Whoever ends it while it starts must not leave half of it.
const ended = Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)))
let installation: TestInstallation | undefined
let emulator: HetznerEmulator | undefined
try {
  if (machines) {
    await prepareImage((text) => console.error(`# ${text}`))
    installation = await testInstallation()
  }
  const cloud = installation && (await localCloud(installation))
  emulator = await HetznerEmulator.start({ port, actionMs: 500, ...cloud })
  console.log(`export HCLOUD_TOKEN=${emulator.token}`)
  console.log(`export HCLOUD_ENDPOINT=${emulator.endpoint}`)
  console.log(`# what it holds: ${new URL('/', emulator.endpoint)}; Ctrl-C ends it`)
  await ended
} finally {
  await emulator?.close()
  await installation?.remove()
}
