import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Installation } from './installation.ts'

/** Numeric ids of an installation's OS users and of their common group. */
export interface OsUsers {
  group: number
  database: number
  server: number
  worker: number
}

function entry(table: 'passwd' | 'group', name: string): string[] | undefined {
  const found = spawnSync('getent', [table, name], { encoding: 'utf8' })
  return found.status === 0 ? found.stdout.trim().split(':') : undefined
}

function numberOf(table: 'passwd' | 'group', name: string): number | undefined {
  const text = entry(table, name)?.[2]
  return text === undefined ? undefined : Number(text)
}

/** Another installation may hold the lock of /etc/passwd, which the tools do not wait for. */
async function changeAccounts(program: string, args: string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const done = spawnSync(program, args, { encoding: 'utf8' })
    if (done.status === 0) return
    if (attempt === 20 || !/lock/.test(done.stderr)) throw new Error(`${program}: ${done.stderr.trim()}`)
    await sleep(250)
  }
}

/** The installation's OS users: no shell, no home, no password. Made where they are missing. */
export async function ensureOsUsers(installation: Installation): Promise<OsUsers> {
  if (!entry('group', installation.group)) await changeAccounts('groupadd', ['--system', installation.group])
  const options = ['--system', '--gid', installation.group, '--no-create-home', '--home-dir', '/nonexistent']
  for (const user of Object.values(installation.users)) {
    if (entry('passwd', user)) continue
    await changeAccounts('useradd', [...options, '--shell', '/usr/sbin/nologin', user])
  }
  const users = findOsUsers(installation)
  if (!users) throw new Error(`the OS users of installation ${installation.id} could not be made`)
  return users
}

/** `undefined` where any of them is missing. */
function findOsUsers(installation: Installation): OsUsers | undefined {
  const group = numberOf('group', installation.group)
  const database = numberOf('passwd', installation.users.database)
  const server = numberOf('passwd', installation.users.server)
  const worker = numberOf('passwd', installation.users.worker)
  if (group === undefined || database === undefined || server === undefined || worker === undefined) {
    return undefined
  }
  return { group, database, server, worker }
}

/** Of the worker; undefined where the installation never started. */
export const findWorkerId = (installation: Installation): number | undefined =>
  numberOf('passwd', installation.users.worker)

/** Those of the installation's users that exist, by number. */
export function presentUserIds(installation: Installation): number[] {
  return Object.values(installation.users)
    .map((user) => numberOf('passwd', user))
    .filter((uid) => uid !== undefined)
}

/** Takes users and group away. A process inside a machine that has the same number is no hindrance. */
export async function removeOsUsers(installation: Installation): Promise<void> {
  for (const user of Object.values(installation.users)) {
    if (entry('passwd', user)) await changeAccounts('userdel', ['--force', user])
  }
  if (entry('group', installation.group)) await changeAccounts('groupdel', [installation.group])
}
