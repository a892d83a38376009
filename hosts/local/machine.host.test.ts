import test from 'ava'
import { testInstallation } from '../../test/installation.ts'
import { bootMachine } from './boot.ts'
import { linksOf } from './link.ts'
import { findLoops } from './loop.ts'
import { listMachines } from './machine.ts'
import { findProcesses } from './machine-process.ts'
import { run } from './run.ts'
import { machineState, stopMachine } from './stop.ts'

const installation = await testInstallation()
const { create, inside } = installation

test.after.always(() => installation.remove())

test.serial('a machine is a whole Debian that reaches package mirrors and mounts image files', async (t) => {
  const machine = await installation.boot('first')
  t.is(machineState(machine), 'running')
  t.is(await inside(machine, 'systemctl is-system-running --wait'), 'running')
  t.is(await inside(machine, 'hostname', machine.address6), 'first')
  await inside(machine, 'apt-get -qq update && apt-cache show postgresql-17 | grep -q ^Version')
  const script = `truncate -s 8M /var/a.img && mkfs.ext4 -q /var/a.img && mkdir /mnt/a
    mount -o loop /var/a.img /mnt/a && touch /mnt/a/works && losetup -f /var/a.img`
  await inside(machine, script)
  t.is((await findLoops([machine.root])).length, 2)
})

test.serial('creating and booting what is there changes nothing', async (t) => {
  const machine = await create('first')
  const before = findProcesses(machine.root)
  await run(['ip', 'address', 'flush', 'dev', machine.link])
  await run(['nft', 'delete', 'table', 'inet', `dbhost_${installation.id}`])
  await bootMachine(machine)
  t.deepEqual(findProcesses(machine.root), before)
  await inside(machine, 'apt-get -qq update', machine.address6)
  t.deepEqual(await listMachines(installation.state), [machine])
})

test.serial('files outlive an orderly stop, and so does the host key', async (t) => {
  const machine = await create('first')
  await inside(machine, 'echo kept > /root/file')
  await stopMachine(machine)
  t.is(machineState(machine), 'stopped')
  t.deepEqual(linksOf(installation.id), [])
  await bootMachine(machine)
  t.is(await inside(machine, 'cat /root/file'), 'kept')
})

for (const victims of [['init'], ['supervisor'], ['supervisor', 'init']] as const) {
  test.serial(`a machine boots again after SIGKILL of its ${victims.join(' and ')}`, async (t) => {
    const machine = await create('first')
    const processes = findProcesses(machine.root)
    for (const victim of victims) {
      const pid = processes[victim]
      if (pid === undefined) return t.fail(`no ${victim} found`)
      process.kill(pid, 'SIGKILL')
    }
    await bootMachine(machine)
    t.is(machineState(machine), 'running')
    t.is(await inside(machine, 'cat /root/file; systemctl is-system-running --wait'), 'kept\nrunning')
  })
}

test.serial('a machine whose link was taken away boots again', async (t) => {
  const machine = await create('first')
  await run(['ip', 'link', 'delete', machine.link])
  t.is(machineState(machine), 'stopped')
  await bootMachine(machine)
  t.is(await inside(machine, 'cat /root/file'), 'kept')
})

test.serial('a machine that does not come up is reported with what its console says', async (t) => {
  const machine = await create('first')
  await stopMachine(machine)
  await run(['mv', `${machine.root}/usr/lib/systemd/systemd`, `${machine.root}/away`])
  await t.throwsAsync(bootMachine(machine), {
    message: /first ended while it booted.*init/s,
  })
  await run(['mv', `${machine.root}/away`, `${machine.root}/usr/lib/systemd/systemd`])
  await bootMachine(machine)
  t.is(machineState(machine), 'running')
})
