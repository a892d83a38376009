import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { withLock } from '../hosts/local/lock.ts'
import { writeFileAtomically } from './files.ts'
import type { Installation } from './installation.ts'
import { Refusal } from './say.ts'

const FIRST = 8480
const LAST = 8999
const LOOPBACK = '127.0.0.1'

const recordOf = (stateDir: string): string => join(stateDir, 'api-port')

function recorded(stateDir: string): number | undefined {
  return existsSync(recordOf(stateDir)) ? Number(readFileSync(recordOf(stateDir), 'utf8')) : undefined
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: LOOPBACK, port }, () => server.close(() => resolve(true)))
  })
}

/**
 * The port of the installation's API on loopback: the one that is asked for, else the one it had, else the next
 * that is free and that no other installation has.
 * @throws {Refusal} when the port that is asked for is taken
 */
export async function chooseApiPort(installation: Installation, wanted: number | undefined): Promise<number> {
  return await withLock('api-port', async () => {
    const port = wanted ?? (await freePort(installation))
    if (!(await isFree(port))) {
      throw new Refusal(
        `Port ${port} of ${LOOPBACK} is taken: end what listens there or ask for another --port.`,
      )
    }
    writeFileAtomically(recordOf(installation.stateDir), String(port), { mode: 0o644 })
    return port
  })
}

async function freePort(installation: Installation): Promise<number> {
  const before = recorded(installation.stateDir)
  if (before !== undefined && (await isFree(before))) return before
  const states = join(installation.stateDir, '..')
  const others = readdirSync(states).map((id) => recorded(join(states, id)))
  for (let port = FIRST; port <= LAST; port++) {
    if (!others.includes(port) && (await isFree(port))) return port
  }
  throw new Refusal(`All ports from ${FIRST} to ${LAST} are taken: ask for a free one with --port.`)
}
