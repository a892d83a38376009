import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { writeFileAtomically } from '../../start/files.ts'
import { describeInstallation, type Installation } from '../../start/installation.ts'
import { ensureKeys } from '../../start/keys.ts'
import { takeLock } from '../../start/lock.ts'
import { openLog } from '../../start/log-file.ts'
import { writeStartFacts } from '../../start/start-facts.ts'
import { newDatabase, query } from '../database.ts'

const database = await newDatabase()
const folder = mkdtempSync(join(tmpdir(), 'dbhost-w11-'))
test.after.always(() => rmSync(folder, { recursive: true }))

const NOBODY = 65_534

test('W11 the server writes the SSH key of a host and cannot read it', async (t) => {
  const host = `insert into host (id, name, spec, created_at) values ('h', 'h', '{}', now())`
  await query(database.server, host)
  await query(database.server, `insert into host_credential values ('h', 'sealed')`)
  const attempts = [
    'select * from host_credential',
    'select count(*) from host_credential',
    `update host_credential set sealed_key = 'x'`,
    'delete from host_credential',
    `insert into host_credential values ('h', 'x') on conflict (host_id) do update set sealed_key = 'x' returning sealed_key`,
    `insert into host_credential select 'i', sealed_key from host_credential`,
    'copy host_credential to stdout',
  ]
  for (const sql of attempts) {
    await t.throwsAsync(query(database.server, sql), { message: /permission denied/ }, sql)
  }
  t.deepEqual(await query(database.worker, 'select sealed_key from host_credential'), [
    { sealed_key: 'sealed' },
  ])
})

test('W11 neither role of a program becomes another one or leaves the database', async (t) => {
  const attempts = [
    ...['set role dbhost_owner', 'set session authorization dbhost_owner', 'create role thief superuser'],
    ...[`select pg_read_file('/etc/passwd')`, `copy plan to program 'id'`, `copy plan from '/etc/passwd'`],
    ...[`select lo_import('/etc/passwd')`, `alter system set log_statement = 'all'`, 'create schema thief'],
    ...['create function thief() returns int language sql as $$ select 1 $$', 'create extension file_fdw'],
    'alter role current_user createrole',
  ]
  for (const [own, other] of [
    ['server', 'worker'],
    ['worker', 'server'],
  ] as const) {
    for (const sql of [...attempts, `set role dbhost_${other}`, `grant dbhost_${other} to dbhost_${own}`]) {
      await t.throwsAsync(query(database[own], sql), { message: /permission denied|must be|Only roles/ }, sql)
    }
  }
})

/** An installation whose files lie in a folder of this test. */
function scratch(name: string): Installation {
  const place = join(folder, name)
  const [stateDir, privateDir] = [join(place, 'state'), join(place, 'clone', '.dbhost')]
  for (const directory of [stateDir, privateDir]) mkdirSync(directory, { recursive: true, mode: 0o755 })
  return { ...describeInstallation('w11abc', join(place, 'clone')), stateDir, privateDir }
}

const users = { group: NOBODY, database: 64_911, server: 64_912, worker: 64_913 }
const facts = { apiUrl: 'http://127.0.0.1:1', apiKey: 'dbh_secret', database: null }

/** Notes with which rights each file was born while something runs under umask 0. */
function birthsDuring(act: () => void): { path: string; mode: number }[] {
  const births: { path: string; mode: number }[] = []
  const { openSync } = fs
  fs.openSync = (path, flags, mode) => {
    const file = openSync(path, flags, mode)
    if (flags !== undefined && flags !== 'r')
      births.push({ path: String(path), mode: fs.fstatSync(file).mode & 0o777 })
    return file
  }
  syncBuiltinESMExports()
  const umask = process.umask(0)
  try {
    act()
  } finally {
    process.umask(umask)
    fs.openSync = openSync
    syncBuiltinESMExports()
  }
  return births
}

test.serial('W11 files with secrets are born for their owner alone, whatever the umask', (t) => {
  const installation = scratch('births')
  const births = birthsDuring(() => {
    ensureKeys(installation, users)
    writeStartFacts(installation, facts)
    writeFileAtomically(join(installation.privateDir, 'api-key'), 'dbh_secret\n', { mode: 0o600 })
    takeLock(join(installation.privateDir, 'lock'), 'test')
    openLog(join(installation.stateDir, 'server.log')).close()
  })
  t.true(births.length >= 8, 'originals, four keys, facts, key, lock, log')
  t.deepEqual(
    births.filter(({ mode }) => mode !== 0o600),
    [],
  )
  const keys = join(installation.stateDir, 'keys')
  const rights = (name: string) => {
    const { mode, uid } = statSync(join(keys, name))
    return [mode & 0o777, uid]
  }
  t.deepEqual(rights('originals.json'), [0o600, 0])
  t.deepEqual(rights('server/key-ring'), [0o600, users.server])
  t.deepEqual(rights('worker/box-private-key'), [0o600, users.worker])
  t.deepEqual(rights('stack-passphrase'), [0o600, 0])
  t.deepEqual(rights('worker/stack-passphrase'), [0o600, users.worker])
  t.deepEqual(readdirSync(keys).toSorted(), ['originals.json', 'server', 'stack-passphrase', 'worker'])
})

/** Reads whatever it can of a folder, over and over, until the pipe that it was given ends. */
const SPY = `
my ($folder) = @ARGV; my $reads = 0; vec(my $in, 0, 1) = 1;
print STDOUT "ready\\n"; $| = 1; print STDOUT "";
until (select(my $ended = $in, undef, undef, 0)) {
  opendir(my $d, $folder) or next;
  for my $name (readdir $d) { if (open(my $f, '<', "$folder/$name")) { next if -d $f; print STDOUT "read $name: ", <$f>, "\\n" } $reads++ }
}
print STDOUT "looked $reads times\\n";
`

test.serial('W11 who watches the folder while secrets are written sees none, under umask 0', async (t) => {
  const open = join(folder, 'watched')
  mkdirSync(open)
  chmodSync(folder, 0o755)
  chmodSync(open, 0o755)
  const identity = { uid: NOBODY, gid: NOBODY }
  const spy = spawn('perl', ['-e', SPY, open], { ...identity, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  spy.stdout.on('data', (data: Buffer) => {
    said += data.toString()
  })
  await once(spy.stdout, 'data')
  const umask = process.umask(0)
  for (let round = 0; round < 300; round++) {
    writeFileAtomically(join(open, `key-${round % 5}`), `hunter2-${round}`, {
      mode: 0o600,
      uid: 64_912,
      gid: NOBODY,
    })
    // Lets what the spy said arrive.
    if (round % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  process.umask(umask)
  spy.stdin.end()
  await once(spy, 'close')
  t.true(Number(/looked (\d+) times/.exec(said)?.[1]) > 300, said.slice(-200))
  t.false(said.includes('hunter2'), said.slice(0, 300))
})
