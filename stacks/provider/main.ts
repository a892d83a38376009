import * as provider from '@pulumi/pulumi/provider/index.js'
import { VpsProvider } from './vps-provider.ts'

const LOOK_MS = 250

// The engine puts its providers into groups of their own: one that is killed leaves them behind, at work. It may have
// been killed before this line, so the script that starts this program says who it was.
const engine = Number(process.env.DBHOST_ENGINE_PID)
setInterval(() => {
  if (process.ppid !== engine) process.exit(1)
}, LOOK_MS).unref()

await provider.main(new VpsProvider(process.env), process.argv.slice(2))
