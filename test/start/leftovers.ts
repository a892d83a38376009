import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const say = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' })

/** Everything on this computer that carries an installation's id: it must be empty after a reset. */
export function leftoversOf(id: string): string[] {
  const lines = (kind: string, text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => `${kind}: ${line}`)
  return [
    ...lines('process', say('ps', '-eo', 'pid,user:32,args')),
    ...lines('link', say('ip', '-brief', 'link')),
    ...lines('table', say('/usr/sbin/nft', 'list', 'ruleset')),
    ...lines('mount', readFileSync('/proc/self/mounts', 'utf8')),
    ...lines('loop device', say('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE')),
    ...lines('user', say('getent', 'passwd')),
    ...lines('group', say('getent', 'group')),
    ...lines(
      'control group',
      say('find', '/sys/fs/cgroup', '-maxdepth', '4', '-type', 'd', '-name', `*${id}*`),
    ),
    ...[`/var/lib/dbhost/${id}`, `/run/dbhost/${id}`].filter((path) => existsSync(path)),
  ]
}
