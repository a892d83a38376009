import { execFileSync } from 'node:child_process'
import test from 'ava'
import { CloudStack } from './cloud-stack.ts'

/** What a host is made of, by the call that makes it. */
const CREATIONS = [
  ...['/ssh_keys', '/primary_ips', '/firewalls', '/volumes', '/servers'],
  ...['/volumes/\\d+/actions/attach', '/zones/[^/]+/rrsets'],
]

/** SIGKILL for the whole group of the stack operation that this process has begun. */
function killRun(): void {
  const said = execFileSync('pgrep', ['-P', String(process.pid), '-f', 'stacks/runner.ts'], {
    encoding: 'utf8',
  })
  for (const pid of said.split('\n').filter(Boolean)) process.kill(-Number(pid), 'SIGKILL')
}

for (const path of CREATIONS) {
  test.serial(`kill -9 between the effect of POST ${path} and its answer leaves one of each`, async (t) => {
    const stack = await CloudStack.open()
    t.teardown(() => stack.close())
    await stack.ask('/zones', { name: 'example.org', mode: 'primary' })
    const wanted = { domain: { zone: 'example.org', record: 'db1' } }
    const call = new RegExp(`^${path}$`)
    stack.emulator.fail({ method: 'POST', path: call, with: { hold: 'reply' } })
    const reached = stack.emulator.reached('POST', call)
    const run = stack.run('update', wanted)
    await reached
    killRun()
    await t.throwsAsync(run)
    stack.emulator.resetFaults()
    await stack.run('update', wanted, { recover: true })
    const held = Object.entries(stack.emulator.holdings()).map(([kind, names]) => [kind, names.length])
    t.deepEqual(Object.fromEntries(held), {
      ...{ servers: 1, primary_ips: 2, volumes: 1, firewalls: 1, ssh_keys: 1 },
      // Two of the zone are its own.
      ...{ zones: 1, rrsets: 4 },
    })
    const { changes } = await stack.run('update', wanted)
    t.deepEqual(changes, { same: 13 })
  })
}
