import test from 'ava'
import { byText } from '../../common/order.ts'
import { CloudStack } from './cloud-stack.ts'

interface Server {
  id: number
  server_type: { name: string }
  public_net: { ipv4: { ip: string }; ipv6: { ip: string } }
  protection: { delete: boolean }
  labels: Record<string, string>
  volumes: number[]
}

let stack: CloudStack

test.before(async () => {
  stack = await CloudStack.open()
})
test.after.always(async () => {
  await stack?.close()
})

const KINDS = ['firewalls', 'primary_ips', 'servers', 'ssh_keys', 'volumes']

async function server(): Promise<Server> {
  const { servers } = await stack.ask<{ servers: Server[] }>('/servers')
  if (servers.length !== 1 || !servers[0]) throw new Error(`there are ${servers.length} servers`)
  return servers[0]
}

test.serial('a preview says what would be made, and makes nothing', async (t) => {
  const { changes } = await stack.run('preview')
  t.deepEqual(changes, { create: 9 })
  t.deepEqual(stack.emulator.holdings(), {})
})

test.serial('a host is bought with its addresses, data volume, firewall and key, all labelled', async (t) => {
  await stack.run('update')
  t.deepEqual(Object.keys(stack.emulator.holdings()).toSorted(byText), KINDS)
  const { labels, server_type, volumes } = await server()
  t.deepEqual(labels, { 'dbhost-installation': 'abc123', 'dbhost-host': 'host_cloud' })
  t.is(server_type.name, 'cx23')
  t.is(volumes.length, 1)
})

test.serial('a second run changes nothing', async (t) => {
  const { changes } = await stack.run('update')
  t.deepEqual(changes, { same: 9 })
})

test.serial('the allowlist stands in the firewall of the cloud', async (t) => {
  const { changes } = await stack.run('update', { allow: ['203.0.113.7/32'] })
  t.deepEqual(changes, { same: 8, update: 1 })
  const { firewalls } = await stack.ask<{ firewalls: { rules: { port: string; source_ips: string[] }[] }[] }>(
    '/firewalls',
  )
  const pool = firewalls[0]?.rules.filter(({ port }) => port === '6432')
  t.deepEqual(
    pool?.map(({ source_ips }) => source_ips),
    [['203.0.113.7/32']],
  )
})

test.serial('what an engineer adds stands at everything that was bought, and in the firewall', async (t) => {
  const rules = [{ description: 'node exporter', port: 9100, sources: ['203.0.113.8/32'] }]
  await stack.run('update', { extras: { labels: { team: 'data' }, rules } })
  t.like((await server()).labels, { team: 'data', 'dbhost-host': 'host_cloud' })
  const { firewalls } = await stack.ask<{ firewalls: { rules: { port: string }[] }[] }>('/firewalls')
  t.true(firewalls[0]?.rules.some(({ port }) => port === '9100'))
})

test.serial('another server type is another size of the same machine', async (t) => {
  const before = await server()
  await stack.run('update', { serverType: 'cx33', volumeGb: 40 })
  const after = await server()
  t.is(after.id, before.id)
  t.is(after.server_type.name, 'cx33')
  const { volumes } = await stack.ask<{ volumes: { size: number }[] }>('/volumes')
  t.is(volumes[0]?.size, 40)
})

test.serial('a server that is made anew keeps its addresses and its data', async (t) => {
  const before = await server()
  await fetch(`${stack.emulator.endpoint}/servers/${before.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${stack.emulator.token}` },
  })
  await stack.run('update', { serverType: 'cx33', volumeGb: 40 }, { refresh: true })
  const after = await server()
  t.not(after.id, before.id)
  t.deepEqual(after.public_net, before.public_net)
  t.deepEqual(after.volumes, before.volumes)
})

test.serial('a host that holds a database is protected here and in the cloud', async (t) => {
  await stack.run('update', { serverType: 'cx33', volumeGb: 40, databases: 1 })
  t.true((await server()).protection.delete)
})

test.serial('no secret lies open in the state of the engine', async (t) => {
  const state = await stack.state()
  const [, line = ''] = stack.hostKey.split('\n')
  t.true(line.length > 40)
  t.false(state.includes(line))
  t.false(state.includes(stack.emulator.token))
  t.true(state.includes('ciphertext'))
})

test.serial('a host that is given back leaves nothing behind', async (t) => {
  await stack.run('destroy', { serverType: 'cx33', volumeGb: 40 })
  t.deepEqual(stack.emulator.holdings(), {})
})
