import { setTimeout as sleep } from 'node:timers/promises'
import { templateText } from '../render.ts'
import { script, sh } from '../shell.ts'
import { type HostConnection, HostError } from '../ssh.ts'

const PATIENCE_MS = 30 * 60_000

/**
 * Installs packages in a unit of its own on the host, which a cut connection does not end; where it runs already
 * it is waited for.
 * @throws HostError with the end of what the installation said
 */
export async function installPackages(
  connection: HostConnection,
  wanted: { install: readonly string[]; reinstall: readonly string[] },
  tell: (line: string) => void | Promise<void>,
): Promise<void> {
  const { install, reinstall } = wanted
  const words = [...install, ...(reinstall.length > 0 ? ['--reinstall', ...reinstall] : [])]
  const start = script('start the installation of packages', templateText('host/packages-start.sh'), ...words)
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const joined = (await connection.run(start)).trim() === 'joined'
    await finished(connection, deadline, tell)
    if (await installed(connection, install)) return
    // Another's installation may have been of other packages.
    if (!joined) throw new HostError('exit', `The installation ended without ${install.join(', ')}.`)
  }
}

async function finished(
  connection: HostConnection,
  deadline: number,
  tell: (line: string) => void | Promise<void>,
): Promise<void> {
  const poll = script('wait for the installation of packages', templateText('host/packages-poll.sh'))
  while (performance.now() < deadline) {
    const [state = '', ...said] = (await connection.run(poll)).trim().split('\n')
    if (state === 'failed') {
      throw new HostError('exit', `The installation of packages failed: ${said.join('\n')}`, { code: 1 })
    }
    if (!/^(active|activating|deactivating)$/.test(state)) return
    await tell(said.join(' ').slice(0, 120))
    await sleep(100)
  }
  throw new HostError(
    'timeout',
    'The installation of packages takes more than 30 minutes; look at dbhost-packages.service.',
  )
}

async function installed(connection: HostConnection, packages: readonly string[]): Promise<boolean> {
  if (packages.length === 0) return true
  const states = await connection.run(sh`dpkg-query -W -f='\${db:Status-Abbrev} ' ${packages} || true`)
  return states.split(/ +/).filter((state) => state.startsWith('ii')).length === packages.length
}
