import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { linksOf } from '../../hosts/local/link.ts'
import { findLoops } from '../../hosts/local/loop.ts'
import { supervisedRoots } from '../../hosts/local/machine-process.ts'
import { run } from '../../hosts/local/run.ts'
import { Block, template } from '../../provisioner/render.ts'
import { testInstallation } from '../installation.ts'
import { Client } from './client.ts'
import { HetznerEmulator } from './emulator.ts'
import { reserveAddresses } from './local-addresses.ts'
import { localCloud } from './local-machines.ts'

const GIB = 2 ** 30

const installation = await testInstallation()
const cloud = await localCloud(installation)
const emulator = await HetznerEmulator.start({ ...cloud, actionMs: 1 })
const api = new Client(emulator)

const hostKeyFile = join(installation.state, 'host')
await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', hostKeyFile])
const hostKey = (await readFile(`${hostKeyFile}.pub`, 'utf8')).trim()
const userData = template('cloud/user-data.yaml', {
  hostPublicKey: hostKey,
  hostPrivateKey: new Block((await readFile(hostKeyFile, 'utf8')).trim().split('\n')),
})

test.after.always(async () => {
  await emulator.close()
  await installation.remove()
})

const made = { server: 0, volume: 0, device: '', ipv4: 0, ipv6: 0, address4: '', address6: '' }

/** As a buyer does it: by an address that the API gave, with the host key of the user data and no other. */
const inside = (script: string, address = made.address4): Promise<string> =>
  installation.inside({ ...cloud.machineOf(made.server), hostKey }, script, address)

/** Makes the call, whose actions must end well. */
async function done(...call: Parameters<typeof api.done>): ReturnType<typeof api.done> {
  const answer = await api.done(...call)
  const bad = answer.ended.filter(({ status }) => status !== 'success')
  if (bad.length > 0) throw new Error(JSON.stringify(bad))
  return answer
}

async function buy(more: object): Promise<void> {
  const { server } = await done('POST', '/servers', {
    ...{ name: 'bought', server_type: 'cx23', image: 'debian-13', location: 'fsn1' },
    ...{ ssh_keys: ['login'], user_data: userData },
    public_net: { ipv4: made.ipv4, ipv6: made.ipv6 },
    ...more,
  })
  made.server = server.id
  made.address4 = server.public_net.ipv4?.ip ?? ''
  made.address6 = (server.public_net.ipv6?.ip ?? '').replace('/64', '1')
}

test.serial('a server is reached at its addresses, with the keys that it was bought with', async (t) => {
  await done('POST', '/ssh_keys', {
    name: 'login',
    public_key: (await readFile(`${installation.key}.pub`, 'utf8')).trim(),
  })
  const ip = async (type: string) =>
    (await done('POST', '/primary_ips', { name: type, type, location: 'fsn1' })).primary_ip.id
  const [ipv6, ipv4] = await Promise.all([ip('ipv6'), ip('ipv4')])
  Object.assign(made, { ipv4, ipv6 })
  await buy({})
  t.is(await inside('hostname'), 'bought')
  t.is(await inside('systemctl is-system-running --wait', made.address6), 'running')
  t.regex(made.address6, /^fd6b:.*::1$/)
  const { outer4, outer6 } = cloud.machineOf(made.server)
  t.is(await inside('echo $SSH_CLIENT | cut -d" " -f1'), outer4)
  t.is(await inside('echo $SSH_CLIENT | cut -d" " -f1', made.address6), outer6)
})

test.serial('a volume that is attached later is a disk with a file system', async (t) => {
  const volume = { name: 'data', size: 10, location: 'fsn1', format: 'ext4' }
  const created = await done('POST', '/volumes', volume)
  made.volume = created.volume.id
  made.device = created.volume.linux_device
  t.is(made.device, `/dev/disk/by-id/scsi-0HC_Volume_${made.volume}`)
  await t.throwsAsync(inside(`test -e ${made.device}`))
  await done('POST', `/volumes/${made.volume}/actions/attach`, { server: made.server, automount: false })
  t.is(await inside(`blockdev --getsize64 ${made.device}`), `${10 * GIB}`)
  await inside(`mkdir /data && mount ${made.device} /data && echo kept > /data/file`)
  await done('POST', `/volumes/${made.volume}/actions/resize`, { size: 20 })
  t.is(await inside(`blockdev --getsize64 ${made.device}`), `${20 * GIB}`)
  // Not while it is mounted: for that the kernel asks for a capability that local machines do not have.
  await inside(`umount /data && e2fsck -fp ${made.device} && resize2fs ${made.device}`)
  await inside(`mount ${made.device} /data`)
  t.true(Number(await inside('df --output=size --block-size=1G /data | tail -1')) > 15)
})

test.serial('a disk is there when a boot mounts it', async (t) => {
  // systemd ignores devices in the fstab of a container.
  const unit = `[Mount]\nWhat=${made.device}\nWhere=/data\n[Install]\nWantedBy=local-fs.target\n`
  await inside(`echo '${unit}' > /etc/systemd/system/data.mount && systemctl enable data.mount`)
  await done('POST', `/servers/${made.server}/actions/poweroff`)
  await t.throwsAsync(inside('true'))
  await done('POST', `/servers/${made.server}/actions/poweron`)
  t.is(await inside('systemctl is-system-running --wait; cat /data/file'), 'running\nkept')
})

test.serial('a disk that is detached while it is mounted goes to no other server meanwhile', async (t) => {
  const act = (name: string, body?: object) =>
    api.done('POST', `/volumes/${made.volume}/actions/${name}`, body)
  await act('detach')
  await t.throwsAsync(inside(`test -e ${made.device}`))
  const { ended } = await act('attach', { server: made.server })
  t.regex(ended[0]?.error?.message ?? '', /still mounts it/)
  await inside('umount /data')
  await done('POST', `/volumes/${made.volume}/actions/attach`, { server: made.server })
  t.is(await inside('systemctl start data.mount && cat /data/file'), 'kept')
})

test.serial('addresses and volume outlive the server', async (t) => {
  const { server, address4, address6 } = made
  // As our stack replaces a server: the volume is taken from under what stands on it.
  await inside('truncate -s 8M /data/image && mkfs.ext4 -q /data/image && mount -o loop /data/image /mnt')
  await done('POST', `/volumes/${made.volume}/actions/detach`)
  await done('DELETE', `/servers/${server}`)
  t.throws(() => cloud.machineOf(server))
  await buy({ volumes: [made.volume] })
  t.not(made.server, server)
  t.deepEqual([made.address4, made.address6], [address4, address6])
  t.is(await inside(`mount ${made.device} /mnt && cat /mnt/file`), 'kept')
})

test.serial('user data of another form and a second machine of one name are refused', async (t) => {
  const failing = async (body: object): Promise<string> => {
    const order = { name: 'other', server_type: 'cx23', image: 'debian-13', ssh_keys: ['login'], ...body }
    const { server, ended } = await api.done('POST', '/servers', order)
    await done('DELETE', `/servers/${server.id}`)
    return ended[0]?.error?.message ?? ''
  }
  t.regex(await failing({ user_data: '#cloud-config\npackages: [htop]\n' }), /^user data of other form/)
  await api.call('PUT', `/servers/${made.server}`, { name: 'renamed' })
  t.regex(await failing({ name: 'bought' }), /^another machine/)
  t.is(await inside('hostname'), 'bought')
})

test.serial('emulators have different addresses', async (t) => {
  const other = await reserveAddresses(installation.state)
  t.not(other.addresses({ kind: 'ipv4', name: '', labels: {} }), made.address4)
  t.throws(() => other.linkOf(made.address4, made.address6))
})

test.serial('what is deleted leaves nothing', async (t) => {
  await done('DELETE', `/servers/${made.server}`)
  for (const left of [`volumes/${made.volume}`, `primary_ips/${made.ipv4}`, `primary_ips/${made.ipv6}`]) {
    t.is(await api.refusal('DELETE', `/${left}`), '204')
  }
  t.deepEqual(emulator.holdings(), { ssh_keys: ['login'] })
  t.deepEqual(await findLoops([installation.state]), [])
  t.deepEqual(linksOf(installation.id), [])
  t.deepEqual(supervisedRoots(installation.state), [])
  for (const folder of ['machines', 'volumes']) t.deepEqual(readdirSync(join(installation.state, folder)), [])
  await emulator.close()
  await installation.remove()
  t.false(existsSync(installation.state))
})
