import { findEngine } from '../stacks/engine.ts'
import { buildEngine, builtEngine, hasGo } from '../tools/engine/build.ts'
import { adoptAll } from './adoption.ts'
import { ensureEngine } from './engine.ts'
import { findInstallation, ownClone } from './installation.ts'
import { findWorkerId } from './os-users.ts'
import { Refusal, runCommand, say } from './say.ts'
import { isRunningHere, withRunning } from './services.ts'

/** `npm run engine`: builds the Pulumi engine from Go modules; hosts of a running service are adopted. */
await runCommand(async () => {
  if (!hasGo())
    throw new Refusal('Go is not on the PATH: install Go 1.26 or newer, or the Pulumi engine itself.')
  await buildEngine(say)
  const { engine, refused } = await findEngine([builtEngine()])
  if (!engine) throw new Error(`the engine that was built does not run: ${refused[0]?.problem}`)
  say(`Pulumi ${engine.version} is built: ${engine.bin}`)
  const { installation } = findInstallation(ownClone())
  const worker = installation && findWorkerId(installation)
  if (!installation || worker === undefined || !isRunningHere(installation)) return
  await ensureEngine(installation, worker)
  await withRunning((services) => adoptAll(services, say))
})
process.exit()
