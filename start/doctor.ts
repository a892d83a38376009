import { Host } from '../api/model/host.ts'
import { hasGo } from '../tools/engine/build.ts'
import { lookForEngine } from './engine.ts'
import { findInstallation, type Installation, ownClone } from './installation.ts'
import { runCommand } from './say.ts'
import { isRunningHere, withRunning } from './services.ts'
import { stackBackend, stateSettingOf } from './stacks.ts'
import { describePlace } from './state-place.ts'

const SOURCES = {
  path: 'on the PATH',
  home: 'in the Pulumi home',
  published: 'the published build',
  built: 'built from Go modules',
} as const

/** `npm run doctor`: which Pulumi engine is used, from where, and what is missing. */
await runCommand(async () => {
  const { installation } = findInstallation(ownClone())
  await tellEngine(installation)
  if (!installation || !isRunningHere(installation)) {
    console.log('Service    does not run from this folder')
    return
  }
  await withRunning(async ({ em }) => {
    console.log('Service    runs')
    const { place, secrets, moving, rekeying } = stateSettingOf(installation)
    const where = describePlace(place, stackBackend(installation))
    console.log(`State      ${where}, secrets by ${secrets.provider}`)
    if (moving || rekeying) console.log('  it was being moved: npm run stack-state -- show says how to go on')
    for (const { name, spec, stack } of await em.fork().find(Host, { removedAt: null })) {
      const how = stack
        ? `managed by its stack since ${stack.adoptedAt}, last run ${stack.lastRun.at}`
        : 'configured directly, without a stack'
      console.log(`Host       ${name} (${spec.kind}): ${how}`)
    }
  })
})
process.exit()

async function tellEngine(installation: Installation | undefined): Promise<void> {
  const { engine, refused } = await lookForEngine(installation)
  if (engine) console.log(`Engine     Pulumi ${engine.version}, ${SOURCES[engine.source]}: ${engine.bin}`)
  else console.log('Engine     none: hosts are configured directly, and none can be bought')
  for (const { source, bin, problem } of refused) console.log(`  not ${SOURCES[source]}: ${bin}: ${problem}`)
  if (engine) return
  console.log(
    hasGo()
      ? '  To get one: npm run engine builds it from Go modules.'
      : '  To get one: install Pulumi (https://www.pulumi.com/docs/install), or Go 1.26 and then npm run engine.',
  )
}
