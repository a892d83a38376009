import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { LAYOUT } from '../../provisioner/layout.ts'
import { clientAddress } from '../host/client-addresses.ts'
import { Namespace } from '../host/namespace.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { asUser, programsOf } from '../start/asking.ts'

let running: RunningService
let database: Answer
const NEIGHBOUR = 11
const PORTS = [22, LAYOUT.pool.port, 443]

test.before(async () => {
  running = await RunningService.shared()
  const address = clientAddress(NEIGHBOUR)
  database = await running.createApart('w11-watched', { allowlist: running.rulesFor(address) })
})
test.after.always(async () => {
  if (database) await running?.delete(database)
  await running?.remove()
})

const inOrder = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const users = () => running.service.installation.users
const socket = () => running.service.installation.databaseSocketDir

const PROGRAMS = ['api/server.ts', 'api/worker.ts'] as const

/** Every process of this computer that runs server or worker of the installation. */
function programs(): { program: string; status: Record<string, string> }[] {
  const state = running.service.installation.stateDir
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ')
        const program = PROGRAMS.find((name) => command.includes(state) && command.includes(name))
        const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
        const status = Object.fromEntries(lines.map((line) => line.split(/:\s*/) as [string, string]))
        return program === undefined ? [] : [{ program, status }]
      } catch {
        return []
      }
    })
}

test.serial('W11 server and worker are two users of their own, without any right of root', (t) => {
  const found = programs()
  for (const name of PROGRAMS)
    t.true(
      found.some(({ program }) => program === name),
      name,
    )
  for (const { program, status } of found) {
    const user = program === 'api/server.ts' ? users().server : users().worker
    const uid = asUser(user, 'id', '-u').stdout.trim()
    t.deepEqual(status.Uid?.split('\t'), [uid, uid, uid, uid], program)
    t.not(uid, '0')
    t.notRegex(status.Gid ?? '', /(^|\t)0(\t|$)/)
    t.regex(status.Groups?.trim() ?? '', /^\d*$/, 'in no group but its own')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) t.regex(status[set] ?? '', /^0+$/, set)
    t.is(status.NoNewPrivs, '1')
  }
  t.not(users().server, users().worker)
})

/** Paths below the installation's folders that this user passes `find`'s test on, the code apart. */
function found(user: string, ...condition: string[]): string[] {
  const { stateDir, runDir, clone } = running.service.installation
  const skip = [
    '-path',
    join(stateDir, 'app'),
    '-prune',
    '-o',
    '-path',
    join(runDir, 'faults'),
    '-prune',
    '-o',
  ]
  const { stdout } = asUser(user, 'find', stateDir, runDir, clone, ...skip, ...condition, '-print')
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted()
}

/** Files that have to be called by their name, because their folder shows none: this user reads these of them. */
function readableByName(user: string): string[] {
  const { stateDir, clone } = running.service.installation
  const folders = [join(stateDir, 'keys'), join(stateDir, 'log'), join(clone, '.dbhost')]
  const files = execFileSync('find', [...folders, '-type', 'f'], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const reads = 'for file; do [ ! -r "$file" ] || echo "$file"; done'
  return asUser(user, 'sh', '-c', reads, 'sh', ...files)
    .stdout.split('\n')
    .filter((line) => line !== '')
}

test.serial('W11 each program reads its own keys and nothing else that is not public', (t) => {
  const { stateDir } = running.service.installation
  const files = readdirSync(stateDir).filter((name) => /^ca-.*\.pem$/.test(name))
  const everybody = ['api-port', 'clone', ...files]
  const own: Record<string, string[]> = {
    [users().server]: ['keys/server/box-public-key', 'keys/server/key-ring'],
    [users().worker]: ['box-private-key', 'key-ring', 'stack-passphrase'].map(
      (name) => `keys/worker/${name}`,
    ),
    nobody: [],
  }
  for (const [user, names] of Object.entries(own)) {
    const readable = [...found(user, '-type', 'f', '-readable'), ...readableByName(user)]
    const allowed = [...everybody, ...names].map((name) => join(stateDir, name))
    t.deepEqual(inOrder(readable), inOrder(allowed), user)
    const writable = user === 'nobody' ? [] : [join(socket(), '.s.PGSQL.5432')]
    const stacks = join(stateDir, 'stacks')
    const written = found(user, '-writable')
    t.deepEqual(
      written.filter((path) => user !== users().worker || !path.startsWith(stacks)),
      writable,
      user,
    )
    const code = [join(stateDir, 'app'), '!', '-type', 'l', '-writable', '-print', '-quit']
    t.is(asUser(user, 'find', ...code).stdout, '', 'the code that runs')
  }
})

test.serial('W11 the server opens no key, no machine and no other program', (t) => {
  const { stateDir, clone } = running.service.installation
  const [machine = ''] = readdirSync(join(stateDir, 'machines')).filter((name) => !name.includes('.'))
  const worker = programsOf(running.clone).find(({ argv }) => argv.some((text) => text.endsWith('worker.ts')))
  const paths = [
    ...['keys/originals.json', 'keys/worker/box-private-key', 'keys/worker/key-ring', 'log/server.log'],
    ...['keys/stack-passphrase', 'keys/worker/stack-passphrase', 'stacks'],
    ...['postgres/data/PG_VERSION', 'machines', `machines/${machine}`, `machines/${machine}/root`],
    ...[`machines/${machine}/root/etc/ssh/ssh_host_ed25519_key`, `machines/${machine}/root/etc/pgbouncer`],
  ].map((name) => join(stateDir, name))
  const ofClone = ['', 'api-key', 'start.json', 'id'].map((name) => join(clone, '.dbhost', name))
  const other = ['environ', 'mem', 'root', 'cwd/'].map((name) => `/proc/${worker?.pid}/${name}`)
  for (const path of [...paths, ...ofClone, ...other, '/root/.ssh']) {
    const { code, stderr } = asUser(
      users().server,
      'sh',
      '-c',
      'ls "$0/" >/dev/null || cat "$0" >/dev/null',
      path,
    )
    t.not(code, 0, path)
    t.regex(stderr, /Permission denied/, path)
  }
  t.not(asUser(users().server, 'sh', '-c', `kill -TERM ${worker?.pid}`).code, 0)
  t.is(statSync(join(clone, '.dbhost')).mode & 0o777, 0o700)
})

test.serial('W11 each OS user has its one role, and who is none of them does not reach the socket', (t) => {
  const login = (user: string, role: string) =>
    asUser(user, 'psql', `host=${socket()} user=${role} dbname=dbhost`, '-XAtc', 'select current_user')
  const own: Record<string, string> = { [users().server]: 'dbhost_server', [users().worker]: 'dbhost_worker' }
  const roles = ['dbhost_server', 'dbhost_worker', 'dbhost_owner', 'postgres']
  for (const user of [...Object.keys(own), users().database, 'nobody', 'daemon']) {
    for (const role of roles) {
      const { stdout, stderr } = login(user, role)
      t.is(stdout.trim(), own[user] === role ? role : '', `${user} as ${role}: ${stderr}`)
    }
  }
  t.regex(login('nobody', 'dbhost_server').stderr, /Permission denied/)
  const secret = asUser(
    users().server,
    ...[
      'psql',
      `host=${socket()} user=dbhost_server dbname=dbhost`,
      '-XAtc',
      'select sealed_key from host_credential',
    ],
  )
  t.regex(secret.stderr, /permission denied for table host_credential/)
  const stacks = asUser(
    users().server,
    ...['psql', `host=${socket()} user=dbhost_server dbname=dbhost_stacks`, '-XAtc', 'select 1'],
  )
  t.regex(stacks.stderr, /permission denied for database "dbhost_stacks"/)
})

test.serial('W11 a computer of the network reaches no machine through this one', async (t) => {
  const { id, facts } = running.clone
  const [address = ''] = running.service.host.spec.addresses
  const foreign = new Namespace(id, NEIGHBOUR, facts.database?.caFile ?? '', { neighbour: true })
  t.teardown(() => foreign.remove())
  const neighbour = await Neighbour.watch(database, running.service.ca)
  t.teardown(() => neighbour.stop())
  for (const port of PORTS) t.false(await foreign.connects(address, port), `${port}`)
  // On the allowlist it is, so nothing but this computer's table stands in its way.
  foreign.letIn()
  for (const port of PORTS) t.true(await foreign.connects(address, port), `${port}`)
  t.is(foreign.login(database), 'in')
  const { errors, commits, logins } = await neighbour.stop()
  t.deepEqual(errors, [])
  t.true(commits > 0 && logins > 0)
})

test.serial(
  'W11 the API and the database of the control plane listen on loopback and on a socket only',
  (t) => {
    const pids = new Set(programsOf(running.clone).map(({ pid }) => pid))
    const listening = execFileSync('ss', ['-Hlntup'], { encoding: 'utf8' }).split('\n')
    const own = listening.filter((line) =>
      [...line.matchAll(/pid=(\d+)/g)].some(([, pid]) => pids.has(Number(pid))),
    )
    const { host } = new URL(running.clone.facts.apiUrl)
    t.deepEqual(
      own.map((line) => line.split(/\s+/)[4]),
      [host],
    )
  },
)
