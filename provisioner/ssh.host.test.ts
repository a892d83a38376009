import test from 'ava'
import { Secret } from '../common/secret.ts'
import { bareMachine, type TestMachine } from '../test/machine.ts'
import { locked, script, sh } from './shell.ts'
import { connectHost, type HostConnection, HostError, type SshTarget } from './ssh.ts'

let host: TestMachine
const warnings: Error[] = []

test.before(async () => {
  process.on('warning', (warning) => warnings.push(warning))
  host = await bareMachine()
})
test.after.always(async () => await host.remove())

async function refused(work: Promise<unknown>): Promise<HostError> {
  try {
    await work
  } catch (error) {
    if (error instanceof HostError) return error
    throw error
  }
  throw new Error('it was not refused')
}

const withHost = async <T>(work: (connection: HostConnection) => Promise<T>): Promise<T> => {
  const connection = await connectHost(host.target)
  try {
    return await work(connection)
  } finally {
    connection.close()
  }
}

const attempt = (change: Partial<SshTarget>): Promise<HostError> =>
  refused(connectHost({ ...host.target, ...change }, { deadlineMs: 2000 }))

test.serial('only the pinned host key is accepted, and our key only by its user', async (t) => {
  const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPf3VQWx77wiZX6f7WJPyVqZqwZXUHWXWO2y1bZ1yyHk'
  const mismatch = await attempt({ hostKey: other })
  t.is(mismatch.kind, 'host-key')
  t.regex(mismatch.message, /another host key .* register the host again/)
  t.is((await attempt({ hostKey: 'ssh-rsa AAAA' })).kind, 'host-key')
  const nobody = await attempt({ user: 'nobody' })
  t.is(nobody.kind, 'auth')
  t.regex(nobody.message, /authorized_keys/)
  const unreadable = await attempt({ privateKey: new Secret('hunter2') })
  t.is(unreadable.kind, 'auth')
  t.notRegex(unreadable.message, /hunter2/)
})

test.serial('a host that is not there is said to be so, in time', async (t) => {
  t.is((await attempt({ port: 23 })).kind, 'unreachable')
  await withHost(async (connection) => {
    await connection.run(sh`nft add table inet hole`)
    await connection.run(
      script(
        'close port 2222',
        `nft -f - <<< 'add chain inet hole in { type filter hook input priority 0; }
      add rule inet hole in tcp dport 2222 drop'`,
      ),
    )
  })
  const began = Date.now()
  const late = await attempt({ port: 2222 })
  t.is(late.kind, 'timeout')
  t.true(Date.now() - began < 3000)
})

test.serial('input and output arrive whole; an exit code is an error with its reason', async (t) => {
  await withHost(async (connection) => {
    const bytes = Buffer.from('ä'.repeat(300_000))
    t.is(await connection.run(sh`cat`, { input: bytes }), bytes.toString())
    const lines: [string, number][] = []
    await connection.run(sh`echo a; sleep 0.5; printf ö`, {
      onLine: (line) => lines.push([line, Date.now()]),
    })
    t.deepEqual(
      lines.map(([line]) => line),
      ['a', 'ö'],
    )
    t.true((lines[1]?.[1] ?? 0) - (lines[0]?.[1] ?? 0) > 300)
    const error = await refused(
      connection.run(sh`cat >/dev/null; echo why >&2; exit 3`, { input: 'hunter2' }),
    )
    t.is(error.kind, 'exit')
    t.is(error.code, 3)
    t.is(error.stderr, 'why')
    t.notRegex(JSON.stringify(error) + error.message, /hunter2/)
    t.true(connection.alive)
  })
})

test.serial('at most 8 commands run at once, the others wait', async (t) => {
  await withHost(async (connection) => {
    const count = script('count', 'sleep 0.3; pgrep -cx sleep || true')
    await Promise.all(Array.from({ length: 40 }, () => connection.run(count)))
    const most = script(
      'most',
      'mkdir -p /tmp/most; mkdir /tmp/most/$$; sleep 0.2; ls /tmp/most | wc -l; rmdir /tmp/most/$$',
    )
    const seen = await Promise.all(Array.from({ length: 20 }, () => connection.run(most)))
    t.is(Math.max(...seen.map(Number)), 8)
  })
  t.deepEqual(warnings, [])
})

test.serial('a lost connection or a kill leaves the outcome unknown', async (t) => {
  const connection = await connectHost(host.target)
  const killed = await refused(connection.run(sh`kill -KILL $$`))
  t.is(killed.kind, 'unknown')
  t.regex(killed.message, /SIGKILL/)
  const cut = await refused(connection.run(sh`kill -KILL $(ps -o ppid= -p $PPID)  $PPID; sleep 5`))
  t.is(cut.kind, 'unknown')
  t.false(connection.alive)
  t.is((await refused(connection.run(sh`true`))).kind, 'unreachable')
})

test.serial('a command that takes too long ends the connection', async (t) => {
  const connection = await connectHost(host.target)
  const error = await refused(connection.run(sh`sleep 5`, { deadlineMs: 300 }))
  t.is(error.kind, 'timeout')
  t.false(connection.alive)
})

test.serial('changes exclude each other, and the lock ends with the change', async (t) => {
  await withHost(async (connection) => {
    const held = Promise.withResolvers<void>()
    const slow = connection
      .run(locked(script('slow', 'echo held; sleep 1; date +%s%N')), { onLine: () => held.resolve() })
      .then((output) => output.replace('held', '').trim())
    await held.promise
    const next = connection.run(locked(script('next', 'date +%s%N')))
    t.true(BigInt(await slow) < BigInt(await next))
    const late = await refused(connection.run(locked(sh`sleep 5`, 1)))
    t.is(late.code, 124)
    await connection.run(locked(script('a daemon', 'sleep 20 >/dev/null 2>&1 & true')))
    await connection.run(locked(sh`true`), { deadlineMs: 2000 })
  })
})
