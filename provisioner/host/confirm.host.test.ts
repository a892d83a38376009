import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { HostSpec } from '../../hosts/host-spec.ts'
import { bareMachine, type TestMachine } from '../../test/machine.ts'
import { script } from '../shell.ts'
import { connectHost, type HostConnection, HostError } from '../ssh.ts'
import { applyAllowSet } from '../tenants/apply.ts'
import { applyHost } from './apply.ts'
import { readHostFacts } from './facts.ts'
import { planHost } from './plan.ts'
import { edgeWanted } from './wanted.ts'

let host: TestMachine
let connection: HostConnection

test.before(async () => {
  host = await bareMachine()
  connection = await connectHost(host.target)
})
test.after.always(async () => {
  connection.close()
  await host.remove()
})

const inside = async (text: string, over = connection): Promise<string> =>
  (await over.run(script('test', text))).trim()

async function applyEdge(spec: HostSpec): Promise<string[]> {
  const edge = edgeWanted(spec)
  const actions = planHost(edge, await readHostFacts(connection, edge))
  await applyHost(connection, actions, () => {})
  return actions.map(({ title }) => title)
}

/** Its firewall lets SSH in at a port where nobody listens. */
const cutOff = (): HostSpec => ({ ...host.spec, ports: { ...host.spec.ports, ssh: 2222 } })

test.serial('rules that the control plane comes through are confirmed, also the first ones', async (t) => {
  await applyEdge(host.spec)
  t.is(await inside('cmp /etc/dbhost/firewall.nft /etc/dbhost/firewall.confirmed.nft && echo same'), 'same')
  t.is(await inside('systemctl is-active firewall-roll-back.timer || true'), 'inactive')
  t.deepEqual(await applyEdge(host.spec), [])
})

test.serial('rules that cut the control plane off are taken back by the host within a minute', async (t) => {
  const before = await inside('nft --stateless --terse list table inet dbhost')
  const applied = t.throwsAsync(applyEdge(cutOff()), { instanceOf: HostError })
  await sleep(5_000)
  // The connection that brought the rules lives on; none that is new gets through.
  t.regex(await inside('nft list chain inet dbhost input'), /dport 2222/)
  await t.throwsAsync(connectHost(host.target, { deadlineMs: 1_500 }))
  await applyAllowSet(connection, ['203.0.113.7/32'], 2)
  const error = await applied
  t.regex(error?.message ?? '', /let no new connection of the control plane in, so the host went back/)
  t.is(await inside('nft --stateless --terse list table inet dbhost'), before)
  t.regex(
    await inside('nft list set inet dbhost pg_allow4'),
    /203\.0\.113\.7/,
    'an element is never rolled back',
  )
  const fresh = await connectHost(host.target)
  fresh.close()
  await applyEdge(host.spec)
  t.deepEqual(await applyEdge(host.spec), [])
})

test.serial(
  'a host that goes down while rules are on trial comes back with the confirmed ones',
  async (t) => {
    const applied = t.throwsAsync(applyEdge(cutOff()))
    await sleep(3_000)
    connection.close()
    await applied
    await host.reboot()
    connection = await connectHost(host.target)
    t.notRegex(await inside('nft list chain inet dbhost input'), /dport 2222/)
    await applyEdge(host.spec)
    t.deepEqual(await applyEdge(host.spec), [])
  },
)

test.serial('an allowlist that is older than the one in force is refused', async (t) => {
  await applyAllowSet(connection, ['198.51.100.0/24'], 9)
  const error = await t.throwsAsync(applyAllowSet(connection, ['203.0.113.7/32'], 8), {
    instanceOf: HostError,
  })
  t.regex(error?.message ?? '', /revision 8 of this host's document is older than 9, which is in force/)
  t.regex(await inside('nft list set inet dbhost pg_allow4'), /198\.51\.100\.0\/24/)
  await applyAllowSet(connection, [], 9)
})
