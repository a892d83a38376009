import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { newPassword, scramVerifier } from '../../common/scram.ts'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { applyHost } from '../../provisioner/host/apply.ts'
import { readHostFacts } from '../../provisioner/host/facts.ts'
import { planHost } from '../../provisioner/host/plan.ts'
import { hostWanted } from '../../provisioner/host/wanted.ts'
import { script } from '../../provisioner/shell.ts'
import { connectHost, type HostConnection } from '../../provisioner/ssh.ts'
import { readTenantFacts } from '../../provisioner/tenants/facts.ts'
import { planTenants } from '../../provisioner/tenants/plan.ts'
import { runTenantSql } from '../../provisioner/tenants/sql.ts'
import { ensureInstances, measureStorage, type StorageFacts } from '../../provisioner/tenants/storage.ts'
import type { DatabaseWanted } from '../../provisioner/tenants/wanted.ts'
import { until } from '../host/until.ts'
import { bareMachine, type TestMachine } from '../machine.ts'

// A dedicated host has one project, and nothing of this needs a control plane: the machine is made ready by the
// provisioner, and then left to itself.
const INSTANCE = 'iabcdefghij'
const NAME = 'shop_a1b2c3'
const MB = 1024 ** 2

const password = newPassword()
const database: DatabaseWanted = {
  ...{ name: NAME, instance: INSTANCE, state: 'open' as const, verifier: scramVerifier(password) },
  ...{ rules: [], clients: 50 },
}
const instance = { name: INSTANCE, storageBytes: 1024 ** 3, memoryBytes: 1024 ** 3, maxConnections: 300 }

let host: TestMachine
let connection: HostConnection

test.before(async () => {
  host = await bareMachine({ tenancy: 'dedicated' })
  connection = await connectHost(host.target)
  await converge({})
})
test.after.always(async () => {
  connection?.close()
  await host?.remove()
})

const inside = async (text: string, input = ''): Promise<string> =>
  (await connection.run(script('test', text), { input, deadlineMs: 90_000 })).trim()

/** On a busy computer a step may not end in its time; a converge takes up what is left. */
async function converge(change: Partial<HostSpec>, tries = 4): Promise<void> {
  const wanted = hostWanted({ ...host.spec, ...change })
  try {
    await applyHost(connection, planHost(wanted, await readHostFacts(connection, wanted)), () => undefined)
  } catch (error) {
    if (tries === 1) throw error
    await converge(change, tries - 1)
  }
}

async function make(): Promise<void> {
  const failed = await ensureInstances(connection, 'dedicated', [instance])
  if (failed.size > 0) throw new Error([...failed.values()].join())
  await runTenantSql(connection, 'ensure-database', [database])
}

/** What a login of the tenant is told, or `in`. */
const asTenant = (sql: string): Promise<string> =>
  inside(
    `read -r PGPASSWORD; export PGPASSWORD; psql -Xq -v ON_ERROR_STOP=1 -h /run/pgi/${INSTANCE} -U ${NAME} -d ${NAME} -c "$(cat)" 2>&1 >/dev/null || true`,
    `${password.reveal()}\n${sql}`,
  )
const login = async (): Promise<string> => (await asTenant('select 1')) || 'in'
const storage = async (): Promise<StorageFacts> => {
  const found = (await measureStorage(connection)).storage.get(INSTANCE)
  if (!found) throw new Error('the host says nothing of the instance')
  return found
}
const free = (path: string): Promise<number> =>
  inside(`echo $(($(stat -f -c '%a * %S' ${path})))`).then(Number)
const runs = async (): Promise<boolean> =>
  (await inside(`test ! -S /run/pgi/${INSTANCE}/.s.PGSQL.5432 || echo yes`)) === 'yes'

/** Writes until it is refused. */
async function fill(): Promise<string> {
  await asTenant('create table if not exists fill (t text)')
  await asTenant('alter table fill alter column t set storage external')
  for (let round = 0; round < 400; round++) {
    const told = await asTenant(`insert into fill select repeat('x', 1000000) from generate_series(1, 8)`)
    if (told !== '') return told
  }
  return 'never refused'
}

const planned = async () => {
  const scope = new Map([[INSTANCE, 'all' as const]])
  const wanted = { instances: [instance], databases: [database] }
  const nothing = { passwords: new Set<string>(), rules: new Set<string>() }
  return planTenants(wanted, await readTenantFacts(connection, scope), nothing)
}

/** Puts data and marks on one small disk, as the whole of a small machine would be. */
const SMALL_DISK = `
  truncate -s 3G /var/small.img
  mkfs.ext4 -q -F -m 0 /var/small.img
  mkdir -p /mnt/small
  echo '/var/small.img /mnt/small ext4 loop 0 0' >>/etc/fstab
  mount /mnt/small
  for folder in pgi dbhost; do
    cp -a /var/lib/$folder /mnt/small/
    echo "/mnt/small/$folder /var/lib/$folder none bind,x-systemd.requires-mounts-for=/mnt/small 0 0" >>/etc/fstab
    mount /var/lib/$folder
  done
  systemctl daemon-reload`

test.serial('W1 without a data volume the instance is stopped while 2 GB of the disk are free', async (t) => {
  await inside(SMALL_DISK)
  await make()
  t.is(await login(), 'in')
  const { kind, limitBytes } = await storage()
  t.is(kind, 'directory')
  t.true((limitBytes ?? 0) < 1024 ** 3)
  t.not(await fill(), 'never refused')
  await until('the stop', async () => !(await runs()))
  t.is((await storage()).state, 'held')
  // What is left belongs to the system: logs, backups, whoever has to log in and help.
  const left = await free('/var/lib/pgi')
  t.true(left > 1536 * MB && left < 2200 * MB, `${left} bytes free`)
  const plan = await planned()
  t.deepEqual(plan.instances, [])
  t.regex(plan.storage.impossible.get(NAME) ?? '', /operator must make room/)
})

test.serial(
  'W1 it stays stopped across a restart of the machine, and starts when there is room',
  async (t) => {
    connection.close()
    await host.reboot()
    connection = await connectHost(host.target)
    await sleep(5000)
    t.false(await runs())
    t.is(await inside(`systemctl start pgi@${INSTANCE}; test -e /run/pgi/${INSTANCE} || echo none`), 'none')
    await converge({ diskReserveBytes: 500 * MB })
    await until('the start', runs)
    await until('the login', async () => {
      const told = await login()
      return told === 'in' || told
    })
    t.is(await asTenant('drop table fill'), '')
  },
)

test.serial('W1 a data volume is the limit: full closes the databases, room opens them', async (t) => {
  await inside(`
    /usr/local/lib/dbhost/instance-storage remove ${INSTANCE} 2>/dev/null || {
      psql -Xq -h /run/pgi/${INSTANCE} -U dbhost -d postgres -c 'drop database ${NAME} with (force)'
      /usr/local/lib/dbhost/instance-storage remove ${INSTANCE}
    }
    truncate -s 800M /var/volume.img
    mkfs.ext4 -q -F -m 0 /var/volume.img
    mount -o loop /var/volume.img /var/lib/pgi`)
  await make()
  t.is((await storage()).kind, 'volume')
  t.not(await fill(), 'never refused')
  await until('the closing', async () => {
    const told = await login()
    return /too many connections/.test(told) || told
  })
  t.is((await storage()).state, 'full')
  t.deepEqual((await planned()).ensure, [])
  await inside(`/usr/local/lib/dbhost/instance-storage cleanup ${INSTANCE} ${NAME} 60`)
  t.is(await asTenant(`set default_transaction_read_only = off; reset all; truncate fill`), '')
  await until('the opening', async () => (await storage()).state === 'ok')
  t.is(await login(), 'in')
  t.deepEqual((await planned()).ensure, [])
})
