import { existsSync, readdirSync, statSync } from 'node:fs'
import { appendFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RUNTIME_DIRECTORY, withLock } from './lock.ts'
import { attempt, run } from './run.ts'

const LOOP_NODES = 256

/** The nodes that a machine needs for mounting image files. */
export const loopNodes = (): string[] => [
  '/dev/loop-control',
  ...Array.from({ length: LOOP_NODES }, (_, number) => `/dev/loop${number}`),
]

const madeNodes = join(RUNTIME_DIRECTORY, 'loop-nodes')

/** Makes the loop nodes that this computer lacks, and remembers them for `removeLoopNodes`. */
export async function makeLoopNodes(): Promise<void> {
  await withLock('loop-nodes', async () => {
    for (const node of loopNodes()) {
      if (existsSync(node)) continue
      const [type, major, minor] = node.endsWith('-control')
        ? ['c', '10', '237']
        : ['b', '7', node.slice('/dev/loop'.length)]
      await appendFile(madeNodes, `${node}\n`)
      await run(['mknod', '--mode=660', node, `${type}`, `${major}`, `${minor}`])
    }
  })
}

/** Removes the nodes that `makeLoopNodes` made. Nobody may use them any more. */
export async function removeLoopNodes(): Promise<void> {
  await withLock('loop-nodes', async () => {
    const nodes = await readFile(madeNodes, 'utf8').catch(() => '')
    for (const node of nodes.split('\n')) {
      if (/^\/dev\/loop[\w-]+$/.test(node) && !existsSync(attachedFile(node))) await rm(node, { force: true })
    }
    await rm(madeNodes, { force: true })
  })
}

const attachedFile = (node: string): string => `/sys/block/${node.slice('/dev/'.length)}/loop/backing_file`

interface LoopDevice {
  name: string
  'back-ino': number | string
  'back-maj:min': string
  'back-file': string
}

/**
 * Loop devices whose file lies in one of these trees: roots of machines, or folders of this computer.
 * The kernel reports the path as the machine saw it, so a device counts only when the file of that path in the
 * tree is the very inode that is attached.
 */
export async function findLoops(trees: readonly string[]): Promise<string[]> {
  if (!readdirSync('/sys/block').some((name) => existsSync(attachedFile(`/dev/${name}`)))) return []
  const columns = 'NAME,BACK-INO,BACK-MAJ:MIN,BACK-FILE'
  const listed = await run(['losetup', '--list', '--json', '--output', columns])
  if (listed.trim() === '') return []
  const devices = (JSON.parse(listed) as { loopdevices: LoopDevice[] }).loopdevices
  return devices.filter((device) => trees.some((tree) => isIn(tree, device))).map((device) => device.name)
}

function isIn(tree: string, device: LoopDevice): boolean {
  const file = device['back-file']
  return isAttached(join(tree, file), device) || (file.startsWith(`${tree}/`) && isAttached(file, device))
}

function isAttached(file: string, device: LoopDevice): boolean {
  const status = statSync(file, { bigint: true, throwIfNoEntry: false })
  if (!status || `${status.ino}` !== `${device['back-ino']}`) return false
  return majorMinor(status.dev) === device['back-maj:min'].trim()
}

// The packing of device numbers in Linux's stat.
function majorMinor(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)
  return `${major}:${(device & 0xffn) | ((device >> 12n) & 0xffffff00n)}`
}

/** Detaches them. One that is still mounted somewhere goes when that mount goes. */
export async function detachLoops(trees: readonly string[]): Promise<void> {
  for (const device of await findLoops(trees)) await attempt(['losetup', '--detach', device])
}
