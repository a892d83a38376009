import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../common/errors.ts'
import { DEFAULT_MIRROR, machineSettings, type Recipe, readRecipe, recipeDigest } from './image-recipe.ts'
import { withLock } from './lock.ts'
import { run, tail } from './run.ts'

export const IMAGE_CACHE = '/var/cache/dbhost'

const BUILDING = '.building-'
const BUILD_DEADLINE_MS = 900_000

export interface ImageOptions {
  /** The Debian mirror; the setting `DBHOST_DEBIAN_MIRROR`. */
  mirror?: string | undefined
}

/**
 * The root tree of a bare Debian 13 machine, built where the cache does not have it (about 30 s).
 * @returns the path of the tree, which must not be written to
 * @throws one sentence when the packages cannot be had
 */
export async function prepareImage(
  report: (text: string) => void,
  options: ImageOptions = {},
): Promise<string> {
  const mirror = (options.mirror ?? DEFAULT_MIRROR).replace(/\/+$/, '')
  const recipe = await readRecipe(mirror)
  const directory = join(IMAGE_CACHE, recipeDigest(recipe))
  const root = join(directory, 'root')
  if (existsSync(root)) return root
  return await withLock('image', async () => {
    if (existsSync(root)) return root
    await mkdir(IMAGE_CACHE, { recursive: true, mode: 0o755 })
    await removeLeftovers()
    report('building the Debian 13 image (once on this computer)')
    const building = await mkdtemp(join(IMAGE_CACHE, BUILDING))
    await build(recipe, mirror, join(building, 'root')).catch(async (error: unknown) => {
      await rm(building, { recursive: true, force: true })
      throw error
    })
    await rename(building, directory)
    return root
  })
}

/** What killed builds left. Builds die with their starter, so under the lock nobody works in there. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(IMAGE_CACHE)) {
    if (name.startsWith(BUILDING)) await rm(join(IMAGE_CACHE, name), { recursive: true, force: true })
  }
}

async function build(recipe: Recipe, mirror: string, root: string): Promise<void> {
  const sources = `${root}.sources`
  await writeFile(sources, recipe.sources)
  // Namespaces of its own take the build's mounts and processes with them however it ends.
  const contain = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'] as const
  const argv = ['mmdebstrap', '--quiet', '--mode=root', '--variant=minbase', '--format=directory']
  const settings = recipe.aptSettings.map((line) => `--aptopt=${line.replace(/;$/, '')}`)
  try {
    await run(
      [...contain, ...argv, ...settings, `--include=${recipe.packages.join(',')}`, 'trixie', root, sources],
      { deadlineMs: BUILD_DEADLINE_MS, tied: true },
    )
  } catch (error) {
    throw new Error(
      `no package mirror could serve Debian 13 (tried ${mirror}): set DBHOST_DEBIAN_MIRROR to one that this ` +
        `computer reaches. ${tail(messageOf(error), 600)}`,
      { cause: error },
    )
  }
  await rm(sources)
  await finish(recipe, root)
}

async function finish(recipe: Recipe, root: string): Promise<void> {
  const apt = join(root, 'etc/apt')
  for (const name of await readdir(join(apt, 'sources.list.d'))) await rm(join(apt, 'sources.list.d', name))
  await rm(join(apt, 'sources.list'), { force: true })
  await rm(join(apt, 'apt.conf.d/99mmdebstrap'), { force: true })
  await writeFile(join(apt, 'sources.list.d/debian.sources'), recipe.sources)
  const settings = machineSettings(recipe.aptSettings)
  const secret = settings.some((line) => line.includes('@'))
  if (settings.length > 0) {
    await writeFile(join(apt, 'apt.conf.d/50reach'), `${settings.join('\n')}\n`, {
      mode: secret ? 0o600 : 0o644,
    })
  }
  for (const [name, text] of Object.entries(recipe.authorities)) {
    await writeFile(join(root, 'usr/local/share/ca-certificates', name), text)
  }
  await run(['chroot', root, 'update-ca-certificates'])
  await run(['systemctl', `--root=${root}`, 'enable', 'systemd-networkd.service', 'ssh.service'])
  // Every machine has keys and an id of its own; two machines with one key could pass for each other.
  for (const name of await readdir(join(root, 'etc/ssh'))) {
    if (name.startsWith('ssh_host_')) await rm(join(root, 'etc/ssh', name))
  }
  await writeFile(join(root, 'etc/machine-id'), '')
}
