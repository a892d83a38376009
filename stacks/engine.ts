import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../common/errors.ts'

/** `path`, `home`: the computer's own; `published`: downloaded for this installation; `built`: from Go modules. */
export type EngineSource = 'path' | 'home' | 'published' | 'built'

/** A Pulumi engine that can run our stacks. */
export interface Engine {
  source: EngineSource
  /** The folder of `pulumi` and `pulumi-language-nodejs`. */
  bin: string
  version: string
  /** Providers that were built with it; null: the engine fetches those that it needs. */
  plugins: string | null
}

/** A place where an engine may be. */
export interface EnginePlace {
  source: EngineSource
  bin: string
  plugins: string | null
}

/** Why what stands at a place is of no use. */
export interface RefusedPlace extends EnginePlace {
  problem: string
}

/** From here on the engine tells its events over gRPC, and can keep its state in PostgreSQL. */
const OLDEST = [3, 206] as const
const VERSION_DEADLINE_MS = 10_000

/** The first engine that can run our stacks, in the order of the places, and what is wrong with those before it. */
export async function findEngine(
  places: readonly EnginePlace[],
): Promise<{ engine: Engine | undefined; refused: RefusedPlace[] }> {
  const refused: RefusedPlace[] = []
  for (const place of places) {
    try {
      return { engine: await lookAt(place), refused }
    } catch (error) {
      refused.push({ ...place, problem: messageOf(error) })
    }
  }
  return { engine: undefined, refused }
}

async function lookAt(place: EnginePlace): Promise<Engine> {
  const [pulumi, languageHost] = ['pulumi', 'pulumi-language-nodejs'].map((name) => join(place.bin, name))
  if (!pulumi || !isProgram(pulumi)) throw new Error('there is no pulumi')
  if (!languageHost || !isProgram(languageHost))
    throw new Error('pulumi-language-nodejs is missing beside it')
  const version = await versionOf(pulumi)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major !== OLDEST[0] || minor < OLDEST[1]) {
    throw new Error(`its version is ${version}; version 3 from ${OLDEST.join('.')}.0 on is needed`)
  }
  return { ...place, version }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

async function versionOf(pulumi: string): Promise<string> {
  const environment = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', PULUMI_SKIP_UPDATE_CHECK: 'true' }
  const options = { timeout: VERSION_DEADLINE_MS, env: environment }
  const { stdout } = await promisify(execFile)(pulumi, ['version'], options)
  const version = /^v?(\d+\.\d+\.\d+)/.exec(stdout.trim())?.[1]
  if (version === undefined) throw new Error(`pulumi version says "${stdout.trim().slice(0, 60)}"`)
  return version
}

/** The engine that was found for an installation, as its record says; undefined where none was found yet. */
export function readEngineRecord(file: string): Engine | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Engine
  } catch {
    return undefined
  }
}
