import { HetznerEmulator } from './emulator.ts'

const USAGE = 'usage: node test/hetzner/run.ts [port]'

const { argv } = process
const [port = '0', ...more] = argv.slice(2)
if (!/^\d{1,5}$/.test(port) || more.length > 0) {
  console.error(USAGE)
  process.exit(2)
}
const emulator = await HetznerEmulator.start({ port: Number(port), actionMs: 500 })
console.log(`export HCLOUD_TOKEN=${emulator.token}`)
console.log(`export HCLOUD_ENDPOINT=${emulator.endpoint}`)
console.log(`# what it holds: ${new URL('/', emulator.endpoint)}; Ctrl-C ends it`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void emulator.close())
}
