import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Engine, type EnginePlace, findEngine, type RefusedPlace } from '../stacks/engine.ts'
import { builtEngine, hasGo } from '../tools/engine/build.ts'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'
import { engineFile } from './stacks.ts'

const DOWNLOAD_DEADLINE_MS = 60_000

const publishedOf = ({ stateDir }: Installation): EnginePlace => ({
  ...{ source: 'published', plugins: null, bin: join(stateDir, 'engine', 'bin') },
})

/** Where an engine may be, in the order in which they are asked. */
function placesOf(installation: Installation | undefined): EnginePlace[] {
  const { PATH = '', PULUMI_HOME, HOME = '/root' } = process.env
  const onPath = PATH.split(delimiter).filter((bin) => bin !== '' && existsSync(join(bin, 'pulumi')))
  const own = (source: 'path' | 'home', bin: string): EnginePlace => ({ source, bin, plugins: null })
  return [
    ...onPath.map((bin) => own('path', bin)),
    own('home', join(PULUMI_HOME ?? join(HOME, '.pulumi'), 'bin')),
    ...(installation ? [publishedOf(installation)] : []),
    builtEngine(),
  ]
}

/** Looks without making anything. */
export const lookForEngine = (
  installation: Installation | undefined,
): Promise<{ engine: Engine | undefined; refused: RefusedPlace[] }> => findEngine(placesOf(installation))

/**
 * Finds an engine, gets the published one where there is none, and notes it for the worker.
 * @param build makes one where nothing else can be had; undefined: nothing is built
 */
export async function ensureEngine(
  installation: Installation,
  workerUid: number,
  build?: () => Promise<void>,
): Promise<Engine | undefined> {
  let { engine } = await lookForEngine(installation)
  if (!engine && (await download(installation))) engine = (await lookForEngine(installation)).engine
  if (!engine && build && hasGo()) {
    await build()
    engine = (await lookForEngine(installation)).engine
  }
  if (!engine) return undefined
  const usable = usableBy(workerUid, engine, installation)
  writeFileAtomically(engineFile(installation), `${JSON.stringify(usable, null, 2)}\n`, { mode: 0o644 })
  return usable
}

/** The worker cannot enter everybody's home: what it cannot start is copied to where it can. */
function usableBy(uid: number, engine: Engine, { stateDir }: Installation): Engine {
  if (spawnSync('test', ['-x', join(engine.bin, 'pulumi')], { uid }).status === 0) return engine
  const bin = join(stateDir, 'engine', `copy-${engine.version}`)
  rmSync(bin, { recursive: true, force: true })
  mkdirSync(bin, { recursive: true, mode: 0o755 })
  for (const name of ['pulumi', 'pulumi-language-nodejs']) cpSync(join(engine.bin, name), join(bin, name))
  return { ...engine, bin }
}

/** The published build, into the installation's own folder. @returns whether it is there */
async function download(installation: Installation): Promise<boolean> {
  const program = join(installation.clone, 'stacks', 'install-published.ts')
  const root = join(installation.stateDir, 'engine')
  const child = spawn(process.execPath, ['--no-warnings', program, root], {
    ...{ stdio: 'ignore', timeout: DOWNLOAD_DEADLINE_MS, killSignal: 'SIGKILL' },
  })
  const code = await new Promise((resolve) => child.once('error', () => resolve(null)).once('exit', resolve))
  return code === 0
}
