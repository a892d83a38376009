import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { withLock } from '../../hosts/local/lock.ts'
import type { EnginePlace } from '../../stacks/engine.ts'

const CACHE = '/var/cache/dbhost'
const HERE = import.meta.dirname
const UNFINISHED = 'building-engine-'
/** Another clone may be building the same. */
const PATIENCE_MS = 60 * 60_000

/** What is built: the Go module, its package, the version it says, where the program lands. */
interface Part {
  module: 'cli' | 'language' | 'hcloud'
  title: string
  package: string
  /** Go variable that holds the version, and its value. */
  version: string
  tags: string
  target: string
}

const SDK_VERSION = 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version'

const PARTS: Part[] = [
  {
    ...{ module: 'cli', title: 'the Pulumi engine', package: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi' },
    ...{ version: `${SDK_VERSION}=v3.259.0`, tags: 'osusergo grpcnotrace', target: 'bin/pulumi' },
  },
  {
    ...{ module: 'language', title: 'its language host' },
    package: 'github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs',
    ...{ version: `${SDK_VERSION}=v3.65.0`, tags: '', target: 'bin/pulumi-language-nodejs' },
  },
  {
    ...{ module: 'hcloud', title: 'the provider of Hetzner Cloud', package: '.' },
    ...{ version: 'main.version=1.41.0', tags: '' },
    target: 'plugins/resource-hcloud-v1.41.0/pulumi-resource-hcloud',
  },
]

/** Changes with everything that the build is made from. */
function recipeDigest(): string {
  const hash = createHash('sha256').update(process.arch).update(JSON.stringify(PARTS))
  const sources = PARTS.flatMap(({ module }) =>
    ['go.mod', 'go.sum', 'main.go'].map((name) => join(HERE, module, name)),
  )
  for (const file of sources) if (existsSync(file)) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/** Where the engine built from this recipe is, or will be. */
export function builtEngine(): EnginePlace {
  const root = join(CACHE, `engine-${recipeDigest()}`)
  return { source: 'built', bin: join(root, 'bin'), plugins: join(root, 'plugins') }
}

export const hasGo = (): boolean => spawnSync('go', ['version']).status === 0

/**
 * Builds engine, language host and cloud provider from Go modules, at the lowest priority; does nothing where they
 * are. The folder appears whole. @throws where a build fails, with the end of what Go said
 */
export async function buildEngine(say: (text: string) => void): Promise<void> {
  const root = dirname(builtEngine().bin)
  mkdirSync(CACHE, { recursive: true })
  await withLock(
    'engine',
    async () => {
      removeUnfinished()
      if (existsSync(root)) return
      const building = mkdtempSync(join(CACHE, UNFINISHED))
      try {
        for (const part of PARTS) {
          say(`Building ${part.title} from Go modules`)
          await buildPart(part, building, say)
        }
        chmodSync(building, 0o755)
        renameSync(building, root)
      } finally {
        rmSync(building, { recursive: true, force: true })
      }
    },
    PATIENCE_MS,
  )
}

/** Of builds that were killed; nobody else builds while we hold the lock. */
function removeUnfinished(): void {
  for (const name of readdirSync(CACHE)) {
    if (name.startsWith(UNFINISHED)) rmSync(join(CACHE, name), { recursive: true, force: true })
  }
}

async function buildPart(part: Part, root: string, say: (text: string) => void): Promise<void> {
  const target = join(root, part.target)
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
  const flags = ['-trimpath', '-tags', part.tags, '-ldflags', `-s -w -X ${part.version}`, '-o', target]
  const child = spawn('nice', ['-n', '19', 'go', 'build', '-v', ...flags, part.package], {
    cwd: join(HERE, part.module),
    env: { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const tail: string[] = []
  let packages = 0
  let told = Date.now()
  for await (const line of createInterface({ input: child.stderr })) {
    packages += 1
    tail.push(line)
    if (tail.length > 15) tail.shift()
    if (Date.now() - told < 10_000) continue
    told = Date.now()
    say(`  ${packages} packages: ${line.slice(0, 80)}`)
  }
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)))
  if (code !== 0) throw new Error(`${part.title} could not be built: ${tail.join('\n')}`)
}
