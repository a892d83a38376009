import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { testInstallation } from '../../test/installation.ts'
import { firewalledInstallations } from './firewall.ts'
import { linksOf } from './link.ts'
import { findLoops } from './loop.ts'
import { listMachines } from './machine.ts'
import { findProcesses } from './machine-process.ts'
import { removeMachine, removeMachines } from './remove.ts'
import { attempt, run } from './run.ts'

const one = await testInstallation()
const two = await testInstallation()
const imageFile = `/var/${one.id}.img`

test.after.always(async () => {
  await one.remove()
  await two.remove()
})

test.serial('machines made at the same moment share nothing', async (t) => {
  const machines = await Promise.all([one.boot('first'), one.boot('second'), two.boot('first')])
  const own = machines.flatMap((machine) => [
    machine.address4,
    machine.address6,
    machine.name,
    machine.hostKey,
  ])
  t.is(new Set(own).size, 12)
})

test.serial('nobody opens a connection into a machine through this computer', async (t) => {
  const [first, second] = await listMachines(one.state)
  const [other] = await listMachines(two.state)
  if (!first || !second || !other) return t.fail()
  const knock = (address: string): string => `timeout 2 bash -c '</dev/tcp/${address}/22'`
  await one.inside(first, knock(first.address4))
  await t.throwsAsync(one.inside(first, knock(second.address4)))
  await t.throwsAsync(one.inside(first, knock(other.address4)))

  // A neighbour in the network who sends packets for the machine to this computer.
  const lan = `lan${one.id}`
  t.teardown(() => attempt(['ip', 'netns', 'delete', lan]))
  await run(['ip', 'netns', 'add', lan])
  await run(['ip', 'link', 'add', lan, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', lan])
  await run(['ip', 'address', 'add', '10.213.77.1/24', 'dev', lan])
  await run(['ip', 'link', 'set', lan, 'up'])
  await run(['ip', '-n', lan, 'address', 'add', '10.213.77.2/24', 'dev', 'eth0'])
  await run(['ip', '-n', lan, 'link', 'set', 'eth0', 'up'])
  await run(['ip', '-n', lan, 'route', 'add', 'default', 'via', '10.213.77.1'])
  const fromLan = () => attempt(['ip', 'netns', 'exec', lan, 'sh', '-c', knock(first.address4)])
  t.not((await fromLan()).code, 0)
  // The same road is open where the table does not close it, so it was the table that did.
  await run(['nft', 'insert', 'rule', 'inet', `dbhost_${one.id}`, 'forward', 'iifname', lan, 'accept'])
  t.is((await fromLan()).code, 0)
})

test.serial('what one installation removes is its own', async (t) => {
  const [first, second] = await listMachines(one.state)
  const [other] = await listMachines(two.state)
  if (!first || !second || !other) return t.fail()
  const attach = `truncate -s 8M ${imageFile} && losetup -f ${imageFile}`
  await one.inside(first, attach)
  await two.inside(other, attach)
  await removeMachines(two.state, two.id)
  t.is((await findLoops([first.root])).length, 1)
  await one.inside(second, 'apt-get -qq update')
  await removeMachine(second)
  t.is(await one.inside(first, 'hostname'), 'first')
  t.deepEqual(await listMachines(one.state), [first])
})

test.serial('an installation that is removed leaves nothing, even when its files went first', async (t) => {
  const [first] = await listMachines(one.state)
  if (!first) return t.fail()
  await run(['rm', `${first.directory}.json`])
  await removeMachines(one.state, one.id)
  await removeMachines(one.state, one.id)
  t.deepEqual(findProcesses(first.root), { supervisor: undefined, init: undefined, whole: false })
  for (const { state } of [one, two]) t.deepEqual(readdirSync(state), ['test-run.json'])
  t.deepEqual([...linksOf(one.id), ...linksOf(two.id)], [])
  const tables = await firewalledInstallations()
  t.false(tables.includes(one.id) || tables.includes(two.id))
  const mounts = await readFile('/proc/mounts', 'utf8')
  t.false(mounts.includes(one.id) || mounts.includes(two.id))
  const attached = readdirSync('/sys/block').map((name) => `/sys/block/${name}/loop/backing_file`)
  const files = await Promise.all(attached.filter(existsSync).map((file) => readFile(file, 'utf8')))
  t.deepEqual(
    files.filter((file) => file.startsWith(imageFile)),
    [],
  )
})
