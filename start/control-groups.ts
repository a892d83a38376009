import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Removes the empty control groups of an installation's machines. Where control groups of version 1 are mounted,
 * nspawn mirrors a machine's groups there and leaves them.
 */
export function removeControlGroups(installation: string): void {
  for (const [, mount = ''] of readFileSync('/proc/self/mounts', 'utf8').matchAll(/^\S+ (\S+) cgroup2? /gm)) {
    if (!existsSync(mount)) continue
    const own = readdirSync(mount).filter((name) => name.startsWith(`dbhost-d${installation}`))
    for (const name of own) removeGroup(join(mount, name))
  }
}

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name))
  }
  rmdirSync(group)
}
