import { generateKeyPairSync } from 'node:crypto'
import test from 'ava'
import { AppError } from '../../common/errors.ts'
import { newBoxKeys, openBox } from '../../common/seal.ts'
import { Secret } from '../../common/secret.ts'
import { newDatabase, query } from '../../test/database.ts'
import { openOrm } from '../model/orm.ts'
import { hostBooted, type RegisterHostInput, registerHost, removeHost, setUpdateWindow } from './hosts.ts'
import { openQueue } from './queue.ts'

const database = await newDatabase()
const orm = await openOrm(database.owner, 4)
const queue = await openQueue(database.owner, { supervise: false })
const box = newBoxKeys()
const context = { em: orm.em, queue, boxPublicKey: box.publicKey }
test.after.always(async () => {
  await queue.close()
  await orm.close()
})

const sql = (text: string, values: unknown[] = []) => query(database.owner, text, values)
const newHostKey = (): string => {
  const der = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  return `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(der)]).toString('base64')}`
}
const ssh = (
  name: string,
  more: Partial<Extract<RegisterHostInput, { kind: 'ssh' }>> = {},
): RegisterHostInput => ({
  ...{ kind: 'ssh', name, address: '203.0.113.5', port: 22, user: 'root', hostKey: newHostKey() },
  ...{ privateKey: new Secret('the private key'), controlPlane: ['203.0.113.1/32'], ...more },
})
const machine = (hostKey: string) => ({
  addresses: ['198.18.0.2', 'fd00:1::2'],
  controlPlane: ['198.18.0.1/32', 'fd00:1::1/128'],
  ssh: { address: '198.18.0.2', port: 22, user: 'root', hostKey },
  privateKey: new Secret('the machine key'),
})

test('an ssh host is converged at once; its key is for the worker only', async (t) => {
  const { host, operation } = await registerHost(context, null, ssh('bought'))
  t.like(operation, { kind: 'converge-host', state: 'queued' })
  const steps = await sql('select name from operation_step where operation_id = $1 order by position', [
    operation?.id,
  ])
  t.deepEqual(
    steps.map(({ name }) => name),
    ['connect', 'configure', 'tenants', 'observe'],
  )
  t.deepEqual(host.spec.addresses, ['203.0.113.5'])
  const [credential] = await sql('select sealed_key from host_credential where host_id = $1', [host.id])
  t.is(openBox(box.privateKey, credential?.sealed_key, `host:${host.id}:key`).reveal(), 'the private key')
  t.is(
    (await sql(`select from audit_event where action = 'host.register' and resource = $1`, [host.id])).length,
    1,
  )
})

test('a local host waits for its machine, and is converged when that booted', async (t) => {
  const { host, operation } = await registerHost(context, null, {
    kind: 'local',
    name: 'here',
    tenancy: 'dedicated',
  })
  t.is(operation, null)
  t.is(host.ssh, null)
  t.like(host.spec, { tenancy: 'dedicated', addresses: [] })
  const [row] = await sql('select wanted, observed from local_machine where host_id = $1', [host.id])
  t.deepEqual(row, { wanted: 'running', observed: 'absent' })

  const booted = machine(newHostKey())
  const first = await hostBooted(context, host.id, booted)
  t.is(first?.kind, 'converge-host')
  t.is((await hostBooted(context, host.id, booted))?.id, first?.id, 'one that waits is enough')
  await sql(`update operation set state = 'succeeded' where host_id = $1`, [host.id])
  await sql(`update host set converged_digest = 'd' where id = $1`, [host.id])
  t.is(await hostBooted(context, host.id, booted), null, 'nothing changed')
  const moved = { ...booted, addresses: ['198.18.0.6', 'fd00:1::6'] }
  t.is((await hostBooted(context, host.id, moved))?.kind, 'converge-host')
  const [spec] = await sql('select spec, ssh from host where id = $1', [host.id])
  t.like(spec?.spec, { addresses: moved.addresses, controlPlane: moved.controlPlane })
  t.deepEqual(spec?.ssh, moved.ssh)
})

test('what cannot be a host is refused by its field', async (t) => {
  const cases: [RegisterHostInput, string][] = [
    [{ kind: 'local', name: 'Upper' }, '/name'],
    [{ kind: 'local', name: 'a'.repeat(64) }, '/name'],
    [ssh('bad-address', { address: 'db.example' }), '/address'],
    [ssh('bad-port', { port: 0 }), '/port'],
    [ssh('bad-user', { user: 'root; rm' }), '/user'],
    [ssh('bad-key', { hostKey: 'ssh-rsa AAAA' }), '/hostKey'],
    [ssh('bad-key', { hostKey: 'ssh-ed25519 AAAA' }), '/hostKey'],
    [ssh('bad-key', { hostKey: `ssh-ed25519 ${Buffer.alloc(51).toString('base64')}` }), '/hostKey'],
  ]
  for (const [input, field] of cases) {
    const error = await t.throwsAsync<AppError>(
      registerHost(context, null, input),
      { instanceOf: AppError },
      field,
    )
    t.is(error?.code, 'VALIDATION_ERROR')
    t.is(error?.fields[0]?.field, field)
  }
  const commented = await registerHost(
    context,
    null,
    ssh('commented', { hostKey: `${newHostKey()} root@machine\n` }),
  )
  t.regex(commented.host.ssh?.hostKey ?? '', /^ssh-ed25519 [A-Za-z0-9+/=]+$/)
})

test('a name is free again after its host was removed; a host with databases stays', async (t) => {
  const { host } = await registerHost(context, null, { kind: 'local', name: 'again' })
  await t.throwsAsync(registerHost(context, null, ssh('again')), { message: /already/ })
  await sql(`insert into account values ('a', 'a', 'unlimited', now())`)
  await sql(`insert into project values ('p', 'a', 'p', now())`)
  await sql(`insert into instance values ('i', 'p', $1, 'i', 1, 1, 1, now())`, [host.id])
  await sql(
    `insert into database (id, project_id, instance_id, name, display_name, physical_name, sealed_password, verifier,
     allow_wide, clients, wanted, created_at) values ('d', 'p', 'i', 'n', 'n', 'n', '', '', false, 1, 'present', now())`,
  )
  const inUse = await t.throwsAsync<AppError>(removeHost(context, null, 'again'), { instanceOf: AppError })
  t.is(inUse?.code, 'HOST_IN_USE')
  await sql(`update database set deleted_at = now()`)
  await removeHost(context, null, host.id)
  const [row] = await sql('select wanted from local_machine where host_id = $1', [host.id])
  t.is(row?.wanted, 'removed')
  const gone = await t.throwsAsync<AppError>(removeHost(context, null, 'again'), { instanceOf: AppError })
  t.is(gone?.code, 'HOST_NOT_FOUND')
  t.not((await registerHost(context, null, { kind: 'local', name: 'again' })).host.id, host.id)
})

test('a new window for updates is written, noted and brought to the host', async (t) => {
  const { host } = await registerHost(context, null, ssh('updated'))
  const { operation } = await setUpdateWindow(context, null, 'updated', '23:30')
  t.like(operation, { kind: 'converge-host', state: 'queued' })
  const [row] = await sql('select spec from host where id = $1', [host.id])
  t.deepEqual(row?.spec.updates, { window: '23:30', origins: ['security', 'stable'] })
  const events = await sql(
    `select details from audit_event where action = 'host.update-window' and resource = $1`,
    [host.id],
  )
  t.deepEqual(events, [{ details: { window: '23:30' } }])
})

test('a window is a time of day on a host that exists', async (t) => {
  for (const window of ['24:00', '4:00', '04:60', '04:00:00', '', '04:00\n']) {
    const error = await t.throwsAsync(setUpdateWindow(context, null, 'updated', window), {
      instanceOf: AppError,
    })
    t.is(error?.code, 'VALIDATION_ERROR', JSON.stringify(window))
  }
  const error = await t.throwsAsync(setUpdateWindow(context, null, 'nowhere', '04:00'), {
    instanceOf: AppError,
  })
  t.is(error?.code, 'HOST_NOT_FOUND')
})
