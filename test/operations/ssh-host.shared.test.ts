import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loginFromOutside } from '../../api/operations/outside-login.ts'
import { Secret } from '../../common/secret.ts'
import { RunningService } from '../host/running-service.ts'
import { bareMachine, type TestMachine } from '../machine.ts'

let running: RunningService
let owned: TestMachine
const folder = mkdtempSync(join(tmpdir(), 'dbhost-ssh-host-'))
const keyFile = join(folder, 'key')

test.before(async () => {
  owned = await bareMachine()
  writeFileSync(keyFile, owned.target.privateKey.reveal(), { mode: 0o600 })
  running = await RunningService.shared()
})
test.after.always(async () => {
  await running?.removeHost('owned')
  await running?.remove()
  await owned?.remove()
  rmSync(folder, { recursive: true })
})

const add = (name: string, hostKey: string) =>
  running.clone.run(
    ...['admin', 'host', 'add', name, '--kind', 'ssh', '--address', owned.target.address],
    ...['--user', 'root', '--key', keyFile, '--host-key', hostKey],
  )

test.serial('a machine that shows another host key than the registered one is refused by name', async (t) => {
  const { code, output } = await add('impostor', running.service.host.ssh?.hostKey ?? '')
  t.not(code, 0)
  t.regex(output, /another host key/)
  t.is((await running.clone.run('admin', 'host', 'remove', 'impostor')).code, 0)
})

test.serial('a Debian machine that somebody owns becomes a host, and a database on it works', async (t) => {
  const { code, output } = await add('owned', owned.target.hostKey)
  t.is(code, 0, output)
  t.regex(output, /owned is ready for databases/)
  const local = await running.service.request('POST', '/databases', { name: 'nowhere', host: 'owned' })
  t.is(local.status, 422, 'a loopback caller has no address that this host would see')
  const allowlist = owned.spec.controlPlane.map((cidr) => ({ cidr }))
  const database = await running.createApart('on-owned', { host: 'owned', allowlist })
  t.is(database.host, owned.target.address)
  const { port, password } = database
  const { caCertificate: ca } = database as unknown as { caCertificate: string }
  const login = { address: database.host, port, name: database.database, deadlineMs: 3000 }
  t.is(await loginFromOutside({ ...login, ca, password: new Secret(password) }), undefined)
  t.regex((await running.clone.run('plan', 'owned')).output, /0 changes on owned/)
})
