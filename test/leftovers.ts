import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { INSTALLATIONS } from '../hosts/local/machine.ts'
import { removeMachines } from '../hosts/local/remove.ts'
import { removeControlGroups } from '../start/control-groups.ts'
import { identify, isAlive, type ProcessIdentity } from '../start/processes.ts'

const OWNER = 'test-run.json'
/** An installation that is stopped in order takes some seconds. */
const END_MS = 60_000
/** How the folders begin in which tests start copies of this repository. */
export const CLONES = join(tmpdir(), 'dbhost-clone-')

/** Notes in a folder that this process made it for a test: once the process is gone, nobody else takes it away. */
export function ownForTest(folder: string): void {
  writeFileSync(join(folder, OWNER), JSON.stringify(identify(process.pid)))
}

const isLeftOver = (folder: string): boolean =>
  existsSync(join(folder, OWNER)) &&
  !isAlive(JSON.parse(readFileSync(join(folder, OWNER), 'utf8')) as ProcessIdentity)

/** The clients that tests made, by their installations. */
function clients(): { name: string; installation: string }[] {
  const listed = spawnSync('/usr/sbin/ip', ['-o', 'link'], { encoding: 'utf8' }).stdout
  const found = listed.matchAll(/: (t([a-z0-9]{6})\d+)o@/g)
  return [...found].map(([, name = '', installation = '']) => ({ name, installation }))
}

/** The clients that tests of these installations made: their links would stand in the way of the next ones. */
export function removeClients(isMeant: (installation: string) => boolean): void {
  for (const { name, installation } of clients()) {
    if (!isMeant(installation)) continue
    spawnSync('/usr/sbin/ip', ['netns', 'del', name])
    spawnSync('/usr/sbin/ip', ['link', 'del', `${name}o`])
  }
}

/** What a killed run had started goes on without it, and keeps its installation in use. */
async function endProcessesIn(folder: string): Promise<void> {
  const told = new Set<string>()
  for (const end = Date.now() + END_MS; Date.now() < end; await sleep(500)) {
    const running = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`)
        } catch {
          return false
        }
      })
    if (running.length === 0) return
    // A second signal would cut its orderly end short.
    for (const pid of running.filter((one) => !told.has(one))) process.kill(Number(pid), 'SIGTERM')
    for (const pid of running) told.add(pid)
  }
}

/** Takes away what test runs left that were killed, and nothing of one that goes on. */
export async function removeLeftovers(tell: (line: string) => void): Promise<void> {
  const installations = existsSync(INSTALLATIONS) ? readdirSync(INSTALLATIONS) : []
  for (const folder of globSync(`${CLONES}*`).filter(isLeftOver)) {
    await endProcessesIn(folder)
    let isReset = true
    for (const id of installations) {
      const record = join(INSTALLATIONS, id, 'clone')
      const clone = existsSync(record) ? readFileSync(record, 'utf8').trim() : ''
      if (!clone.startsWith(`${folder}/`)) continue
      tell(`Removing the installation ${id} of a test run that was killed`)
      removeClients((one) => one === id)
      const reset = spawnSync('node', ['start/enter.js', 'reset', '--yes', '--forget-bought'], {
        cwd: clone,
        encoding: 'utf8',
      })
      if (reset.status === 0) continue
      // It need not be in the way; without its folder nobody could take it away any more.
      tell(`${clone} could not be reset: ${reset.stdout}${reset.stderr}`)
      isReset = false
    }
    if (isReset) rmSync(folder, { recursive: true, force: true })
  }
  for (const id of installations.filter((name) => isLeftOver(join(INSTALLATIONS, name)))) {
    tell(`Removing the machines ${id} of a test that was killed`)
    const state = join(INSTALLATIONS, id)
    removeClients((one) => one === id)
    await removeMachines(state, id)
    removeControlGroups(id)
    rmSync(state, { recursive: true, force: true })
  }
  // Their installation was removed, their test was not heard of again.
  removeClients((one) => !existsSync(join(INSTALLATIONS, one)))
  if (existsSync(INSTALLATIONS) && readdirSync(INSTALLATIONS).length === 0)
    rmSync(INSTALLATIONS, { recursive: true })
}
