import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ServerMachines } from './machines.ts'
import { KEY, SERVER, started } from './started.ts'

test('machines stand behind servers, and their failures are those of the actions', async (t) => {
  const did: string[] = []
  const machines: ServerMachines = {
    create: async ({ name, ipv4, ipv6, userData, sshKeys, volumes }) => {
      did.push(`create ${name} ${ipv4} ${ipv6} ${userData} ${sshKeys.length} ${volumes.length}`)
      if (name === 'broken') throw new Error('no room')
    },
    powerOn: async () => void did.push('on'),
    powerOff: async () => void did.push('off'),
    remove: async () => void did.push('remove'),
  }
  const addresses = ({ kind, name }: { kind: string; name: string }): string =>
    kind === 'ipv4' ? `192.0.2.${name.length}` : '2001:db8:7::/64'
  const { api } = await started(t, { machines, addresses })
  await api.done('POST', '/ssh_keys', { name: 'k', public_key: KEY })
  const { volume } = await api.done('POST', '/volumes', { name: 'v', size: 10, location: 'fsn1' })
  const body = { ...SERVER, ssh_keys: ['k'], user_data: 'x', volumes: [volume.id] }
  const { server } = await api.done('POST', '/servers', body)
  const path = `/servers/${server.id}`
  await api.done('POST', `${path}/actions/reboot`)
  await api.done('POST', `${path}/actions/rebuild`, { image: 'debian-13' })
  await api.done('DELETE', path)
  const create = 'create one 192.0.2.3 2001:db8:7::1 x 1 1'
  t.deepEqual(did, [create, 'on', 'off', 'on', 'remove', create, 'on', 'remove'])
  const failed = await api.done('POST', '/servers', { ...SERVER, name: 'broken' })
  t.deepEqual(
    failed.ended.map(({ status, error }) => [status, error?.message]),
    [
      ['error', 'no room'],
      ['error', 'create_server failed'],
    ],
  )
})

test('disks stand behind volumes', async (t) => {
  const did: string[] = []
  const note = (text: string) => async () => void did.push(text)
  const machines: ServerMachines = {
    ...{ create: note('server'), powerOn: note('on'), powerOff: note('off'), remove: note('gone') },
    volumes: {
      create: async ({ id, ...volume }) => void did.push(`create ${JSON.stringify(volume)}`),
      attach: async (_, { name }) => {
        if (did.includes(`attach ${name}`)) throw new Error('is mounted')
        did.push(`attach ${name}`)
      },
      detach: note('detach'),
      resize: async (_, size) => void did.push(`resize ${size}`),
      remove: () => void did.push('remove'),
    },
  }
  const { api } = await started(t, { machines })
  const { server } = await api.done('POST', '/servers', SERVER)
  did.length = 0
  const asked = { name: 'v', size: 10, format: 'ext4', server: server.id }
  const { volume } = await api.done('POST', '/volumes', asked)
  const path = `/volumes/${volume.id}`
  await api.done('POST', `${path}/actions/resize`, { size: 20 })
  await api.done('POST', `${path}/actions/detach`)
  const { ended } = await api.done('POST', `${path}/actions/attach`, { server: server.id })
  t.is(ended[0]?.error?.message, 'is mounted')
  t.is((await api.get(path)).volume.server, null)
  t.is(await api.refusal('DELETE', path), '204')
  const { linux_device: device } = volume
  const made = `create ${JSON.stringify({ name: 'v', size: 10, format: 'ext4', device })}`
  t.deepEqual(did, [made, 'attach v', 'resize 20', 'detach', 'remove'])
})

test('what it holds is shown to people and programs', async (t) => {
  const { emulator, api } = await started(t)
  await api.done('POST', '/firewalls', { name: '<edge>' })
  const root = new URL('/', emulator.endpoint)
  t.deepEqual(await (await fetch(root)).json(), { firewalls: ['<edge>'] })
  const html = await fetch(root, { headers: { accept: 'text/html' } })
  t.regex(await html.text(), /<h2>firewalls<\/h2><ul><li>&lt;edge>/)
})

test('the command prints what a provider needs, and ends on a signal', async (t) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./run.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  for await (const chunk of child.stdout) {
    printed += String(chunk)
    if (!printed.includes('Ctrl-C')) continue
    const [, token = ''] = /HCLOUD_TOKEN=(\w{64})$/m.exec(printed) ?? []
    const [, endpoint = ''] = /HCLOUD_ENDPOINT=(\S+)$/m.exec(printed) ?? []
    const headers = { authorization: `Bearer ${token}`, connection: 'close' }
    t.is((await fetch(`${endpoint}/servers`, { headers })).status, 200)
    child.kill('SIGTERM')
  }
  if (child.exitCode === null) await once(child, 'exit')
  t.is(child.exitCode, 0)
})
