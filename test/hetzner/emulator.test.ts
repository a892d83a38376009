import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { Client } from './client.ts'
import { HetznerEmulator } from './emulator.ts'
import type { ServerMachines } from './machines.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsYVzKVqDYTVGJpdTGsqJPkRpFZgZvTbPDTXkb8xxxx someone'
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsYVzKVqDYTVGJpdTGsqJPkRpFZgZvTbPDTXkb8yyyy someone'
const SERVER = { name: 'one', server_type: 'cx23', image: 'debian-13', location: 'fsn1' }
const SSH_RULE = {
  direction: 'in',
  protocol: 'tcp',
  port: '22',
  source_ips: ['2001:DB8:0::/32', '0.0.0.0/0'],
}

type Options = Parameters<typeof HetznerEmulator.start>[0]

async function started(
  t: ExecutionContext,
  options: Options = {},
): Promise<{ emulator: HetznerEmulator; api: Client }> {
  const emulator = await HetznerEmulator.start({ actionMs: 1, ...options })
  t.teardown(() => emulator.close())
  return { emulator, api: new Client(emulator) }
}

test('a server lives with its address, disk, firewall, key and group, and leaves nothing', async (t) => {
  const { emulator, api } = await started(t)
  const { ssh_key } = await api.done('POST', '/ssh_keys', { name: 'ops', public_key: KEY })
  const { placement_group } = await api.done('POST', '/placement_groups', { name: 'apart', type: 'spread' })
  const { firewall } = await api.done('POST', '/firewalls', { name: 'edge', rules: [SSH_RULE] })
  const { primary_ip } = await api.done('POST', '/primary_ips', {
    name: 'ip',
    type: 'ipv4',
    location: 'fsn1',
  })
  t.is(primary_ip.assignee_type, 'unassigned')

  const created = await api.call('POST', '/servers', {
    ...SERVER,
    labels: { role: 'db' },
    ssh_keys: [ssh_key.id],
    user_data: '#cloud-config',
    firewalls: [{ firewall: firewall.id }],
    placement_group: placement_group.id,
    public_net: { enable_ipv4: true, enable_ipv6: true, ipv4: primary_ip.id },
  })
  t.is(created.status, 201)
  t.is(created.body.server.status, 'initializing')
  t.true(created.body.server.locked)
  t.is(created.body.root_password, null)
  t.deepEqual(
    created.body.next_actions.map(({ command }) => command),
    ['start_server'],
  )
  const actions = [created.body.action, ...created.body.next_actions]
  const ended = await api.ends(actions.map(({ id }) => id))
  t.true(
    ended.every(({ status, progress, finished }) => status === 'success' && progress === 100 && finished),
  )

  const path = `/servers/${created.body.server.id}`
  const { server } = await api.get(path)
  t.is(server.status, 'running')
  t.false(server.locked)
  t.is(server.public_net.ipv4?.ip, primary_ip.ip)
  t.regex(server.public_net.ipv6?.ip ?? '', /^2001:db8:.*::\/64$/)
  t.deepEqual(server.public_net.firewalls, [{ id: firewall.id, status: 'applied' }])
  t.is(server.placement_group?.id, placement_group.id)
  t.is((await api.get(`/primary_ips/${primary_ip.id}`)).primary_ip.assignee_id, server.id)

  const volume = { name: 'data', size: 20, server: server.id, format: 'ext4' }
  const made = await api.done('POST', '/volumes', volume)
  t.is(made.volume.status, 'creating')
  const disk = `/volumes/${made.volume.id}`
  t.is((await api.get(disk)).volume.status, 'available')
  t.is((await api.get(disk)).volume.server, server.id)
  t.deepEqual((await api.get(path)).server.volumes, [made.volume.id])
  t.is(await api.refusal('POST', `${disk}/actions/resize`, { size: 20 }), '422 invalid_input')
  await api.done('POST', `${disk}/actions/resize`, { size: 30 })
  t.is((await api.get(disk)).volume.size, 30)

  await api.done('DELETE', path)
  t.is(await api.refusal('GET', path), '404 not_found')
  t.is((await api.get(disk)).volume.server, null)
  t.is((await api.get(`/primary_ips/${primary_ip.id}`)).primary_ip.assignee_type, 'unassigned')
  t.deepEqual(emulator.holdings().primary_ips, ['ip'])
  for (const left of [
    disk,
    `/firewalls/${firewall.id}`,
    `/primary_ips/${primary_ip.id}`,
    `/ssh_keys/${ssh_key.id}`,
    `/placement_groups/${placement_group.id}`,
  ]) {
    t.is(await api.refusal('DELETE', left), '204')
  }
  t.deepEqual(emulator.holdings(), {})
})

test('a server is switched, retyped, rebuilt, grouped and protected', async (t) => {
  const { api } = await started(t)
  const { server, root_password } = await api.done('POST', '/servers', {
    ...SERVER,
    start_after_create: false,
  })
  t.is(typeof root_password, 'string')
  const path = `/servers/${server.id}`
  const act = (name: string, body?: unknown) => api.done('POST', `${path}/actions/${name}`, body)
  const refused = (name: string, body?: unknown) => api.refusal('POST', `${path}/actions/${name}`, body)
  const now = async () => (await api.get(path)).server
  t.is((await now()).status, 'off')
  await act('poweron')
  t.is((await now()).status, 'running')

  const { placement_group } = await api.done('POST', '/placement_groups', { name: 'g', type: 'spread' })
  t.is(await refused('change_type', { server_type: 'cx33', upgrade_disk: true }), '422 server_not_stopped')
  const group = { placement_group: placement_group.id }
  t.is(await refused('add_to_placement_group', group), '422 server_not_stopped')
  await act('shutdown')
  t.is((await now()).status, 'off')
  await act('add_to_placement_group', group)
  t.is(await refused('add_to_placement_group', group), '422 already_in_placement_group')
  t.deepEqual((await api.get(`/placement_groups/${placement_group.id}`)).placement_group.servers, [server.id])
  t.is(await api.refusal('DELETE', `/placement_groups/${placement_group.id}`), '422 resource_in_use')
  await act('remove_from_placement_group')
  t.is((await now()).placement_group, null)

  t.is(await refused('change_type', { server_type: 'cax11', upgrade_disk: false }), '422 invalid_server_type')
  await act('change_type', { server_type: 'cx33', upgrade_disk: true })
  t.like(await now(), { status: 'running', primary_disk_size: 80, server_type: { name: 'cx33' } })
  await act('poweroff')
  t.is(await refused('change_type', { server_type: 'cx23', upgrade_disk: true }), '422 invalid_server_type')
  await act('rebuild', { image: 'debian-12' })
  t.like(await now(), { status: 'running', image: { name: 'debian-12' } })
  await act('reset')
  await act('enable_backup')
  t.is((await now()).backup_window, '22-02')
  await act('disable_backup')
  t.is((await now()).backup_window, null)

  t.is(await refused('change_protection', { delete: true }), '422 invalid_input')
  await act('change_protection', { delete: true, rebuild: true })
  t.is(await refused('rebuild', { image: 'debian-12' }), '423 protected')
  t.is(await api.refusal('DELETE', path), '423 protected')
  await act('change_protection', { delete: false, rebuild: false })
  await api.call('PUT', path, { name: 'renamed', labels: { a: 'b' } })
  t.like(await now(), { name: 'renamed', labels: { a: 'b' } })
  await api.done('DELETE', path)
})

test('a primary IP moves only between servers that are off, and must be free to go', async (t) => {
  const { api } = await started(t)
  const { server } = await api.done('POST', '/servers', SERVER)
  const ipv4 = server.public_net.ipv4?.id ?? 0
  const path = `/primary_ips/${ipv4}`
  t.is(await api.refusal('DELETE', path), '422 must_be_unassigned')
  t.is(await api.refusal('POST', `${path}/actions/unassign`), '422 server_not_stopped')
  t.is(await api.refusal('POST', `${path}/actions/change_protection`, { delete: true }), '422 invalid_input')
  const created = { name: 'free', type: 'ipv4', assignee_id: server.id, assignee_type: 'server' }
  t.is(await api.refusal('POST', '/primary_ips', created), '422 server_not_stopped')
  await api.done('POST', `/servers/${server.id}/actions/poweroff`)
  t.is(await api.refusal('POST', '/primary_ips', created), '422 server_has_ipv4')
  await api.done('POST', `${path}/actions/unassign`)
  t.is((await api.get(`/servers/${server.id}`)).server.public_net.ipv4, null)
  const { primary_ip } = await api.done('POST', '/primary_ips', { ...created, auto_delete: true })
  t.is((await api.get(`/servers/${server.id}`)).server.public_net.ipv4?.id, primary_ip.id)
  const assign = { assignee_id: server.id, assignee_type: 'server' }
  t.is(await api.refusal('POST', `${path}/actions/assign`, assign), '422 server_has_ipv4')
  const taken = `/primary_ips/${primary_ip.id}/actions/assign`
  t.is(await api.refusal('POST', taken, assign), '422 primary_ip_already_assigned')

  await api.call('PUT', path, { auto_delete: false })
  await api.done('POST', `${path}/actions/change_protection`, { delete: true })
  t.is(await api.refusal('DELETE', path), '423 protected')
  const other = { ...SERVER, name: 'two' }
  const asking = (public_net: object, location = 'fsn1') =>
    api.refusal('POST', '/servers', { ...other, location, public_net })
  t.is(await asking({ ipv4: primary_ip.id }), '422 primary_ip_assigned')
  t.is(await asking({ ipv6: ipv4 }), '412 primary_ip_version_mismatch')
  t.is(await asking({ ipv4 }, 'nbg1'), '422 primary_ip_datacenter_mismatch')
  t.is(await asking({ ipv4: 99 }), '404 not_found')
  t.is(await asking({ enable_ipv4: false, enable_ipv6: false }), '422 invalid_input')
})

test('addresses point to names, and back to their default', async (t) => {
  const { api } = await started(t)
  const { server } = await api.done('POST', '/servers', SERVER)
  const { ipv4, ipv6 } = server.public_net
  const path = `/servers/${server.id}`
  const pointing = (ip: string, dns_ptr: string | null, on = path) =>
    api.done('POST', `${on}/actions/change_dns_ptr`, { ip, dns_ptr })
  t.regex(ipv4?.dns_ptr ?? '', /^static\./)
  await pointing(ipv4?.ip ?? '', 'db.example.com')
  await pointing((ipv6?.ip ?? '').replace('::/64', ':0:0::1'), 'db.example.com', `/primary_ips/${ipv6?.id}`)
  const { public_net } = (await api.get(path)).server
  t.is(public_net.ipv4?.dns_ptr, 'db.example.com')
  const first = (ipv6?.ip ?? '').replace('/64', '1')
  t.deepEqual(public_net.ipv6?.dns_ptr, [{ ip: first, dns_ptr: 'db.example.com' }])
  await pointing(ipv4?.ip ?? '', null)
  await pointing(first, null)
  t.is((await api.get(path)).server.public_net.ipv4?.dns_ptr, ipv4?.dns_ptr)
  t.deepEqual((await api.get(path)).server.public_net.ipv6?.dns_ptr, [])
  const foreign = { ip: '192.0.2.1', dns_ptr: 'db.example.com' }
  t.is(await api.refusal('POST', `${path}/actions/change_dns_ptr`, foreign), '422 invalid_input')
})

test('a volume goes to one server of its place, and only a free one can be deleted', async (t) => {
  const { api } = await started(t)
  const { server } = await api.done('POST', '/servers', SERVER)
  const { server: far } = await api.done('POST', '/servers', { ...SERVER, name: 'far', location: 'hel1' })
  const { volume } = await api.done('POST', '/volumes', { name: 'v', size: 10, location: 'fsn1' })
  const act = (name: string, body: unknown = {}) =>
    api.refusal('POST', `/volumes/${volume.id}/actions/${name}`, body)
  t.is(await act('attach', { server: far.id }), '422 invalid_input')
  t.is(await act('detach'), '422 service_error')
  await api.done('POST', `/volumes/${volume.id}/actions/attach`, { server: server.id, automount: false })
  t.is(await act('attach', { server: server.id }), '422 volume_already_attached')
  t.is(await api.refusal('DELETE', `/volumes/${volume.id}`), '422 resource_in_use')
  await api.done('POST', `/volumes/${volume.id}/actions/detach`)
  await api.done('POST', `/volumes/${volume.id}/actions/change_protection`, { delete: true })
  t.is(await api.refusal('DELETE', `/volumes/${volume.id}`), '423 protected')
  t.is(await api.refusal('POST', '/volumes', { name: 'w', size: 9, location: 'fsn1' }), '422 invalid_input')
  t.is(await api.refusal('POST', '/volumes', { name: 'w', size: 10 }), '422 invalid_input')
})

test('a firewall follows servers and selectors, and is in use as long as it is applied', async (t) => {
  const { api } = await started(t)
  const { server } = await api.done('POST', '/servers', { ...SERVER, labels: { role: 'db' } })
  const selector = { type: 'label_selector', label_selector: { selector: 'role=db' } }
  const direct = { type: 'server', server: { id: server.id } }
  const made = await api.done('POST', '/firewalls', { name: 'f', rules: [SSH_RULE], apply_to: [selector] })
  t.deepEqual(made.firewall.rules[0]?.source_ips, ['2001:db8::/32', '0.0.0.0/0'])
  const path = `/firewalls/${made.firewall.id}`
  const applied = async () => (await api.get(path)).firewall.applied_to
  t.deepEqual(await applied(), [{ ...selector, applied_to_resources: [direct] }])
  t.is((await api.get(`/servers/${server.id}`)).server.public_net.firewalls.length, 1)
  const removing = (one: object) =>
    api.refusal('POST', `${path}/actions/remove_from_resources`, { remove_from: [one] })
  const applying = (one: object) =>
    api.refusal('POST', `${path}/actions/apply_to_resources`, { apply_to: [one] })
  t.is(await removing(direct), '422 firewall_managed_by_label_selector')
  t.is(await applying(selector), '422 firewall_already_applied')
  t.is(await applying({ type: 'server', server: { id: 7 } }), '404 firewall_resource_not_found')
  const missing = { name: 'g', apply_to: [{ type: 'server', server: { id: 7 } }] }
  t.is(await api.refusal('POST', '/firewalls', missing), '422 firewall_resource_not_found')
  t.is(await applying(direct), '201')
  t.is(await api.refusal('DELETE', path), '422 resource_in_use')
  // As the provider does it: what was read goes back whole.
  await api.done('POST', `${path}/actions/remove_from_resources`, { remove_from: await applied() })
  t.deepEqual(await applied(), [])
  t.is(await removing(direct), '404 firewall_resource_not_found')
  await api.done('POST', `${path}/actions/apply_to_resources`, { apply_to: [] })
  await api.done('POST', `${path}/actions/set_rules`, { rules: [] })
  t.deepEqual((await api.get(path)).firewall.rules, [])
  t.is(await api.refusal('DELETE', path), '204')

  const bad = (rule: object) =>
    api.badFields('POST', '/firewalls', { name: 'g', rules: [{ ...SSH_RULE, ...rule }] })
  t.deepEqual(await bad({ source_ips: ['10.0.0.1/8'] }), ['rules.0.source_ips.0'])
  t.deepEqual(await bad({ source_ips: [] }), ['rules.0.source_ips'])
  t.deepEqual(await bad({ port: '80-70' }), ['rules.0.port'])
  t.deepEqual(await bad({ protocol: 'icmp' }), ['rules.0.port'])
  t.deepEqual(await bad({ direction: 'out' }), ['rules.0.destination_ips', 'rules.0.source_ips'])
})

test('a zone holds sets of records', async (t) => {
  const { emulator, api } = await started(t)
  const { zone } = await api.done('POST', '/zones', { name: 'example.com', mode: 'primary', ttl: 600 })
  t.is(zone.record_count, 4)
  t.is(await api.refusal('POST', '/zones', { name: 'example.com', mode: 'primary' }), '409 uniqueness_error')
  t.is((await api.get(`/zones/${zone.id}`)).zone.name, 'example.com')
  const sets = '/zones/example.com/rrsets'
  const wanted = { name: 'db', type: 'A', records: [{ value: '203.0.113.9', comment: 'one' }] }
  const { rrset } = await api.done('POST', sets, wanted)
  t.like(rrset, { id: 'db/A', ttl: null, zone: zone.id, protection: { change: false } })
  t.is(await api.refusal('POST', sets, wanted), '409 uniqueness_error')
  t.is(await api.refusal('POST', sets, { ...wanted, type: 'AAAA' }), '422 invalid_input')
  t.is(await api.refusal('POST', sets, { ...wanted, type: 'TXT' }), '422 invalid_input')
  const path = `${sets}/db/A`
  const act = (name: string, body: unknown) => api.done('POST', `${path}/actions/${name}`, body)
  const now = async () => (await api.get(path)).rrset
  await act('change_ttl', { ttl: 120 })
  await act('set_records', { records: [{ value: '203.0.113.10' }] })
  t.like(await now(), { ttl: 120, records: [{ value: '203.0.113.10' }] })
  await act('add_records', { records: [{ value: '203.0.113.11' }] })
  await act('update_records', { records: [{ value: '203.0.113.11', comment: 'b' }] })
  await act('remove_records', { records: [{ value: '203.0.113.10' }] })
  t.deepEqual((await now()).records, [{ value: '203.0.113.11', comment: 'b' }])
  await act('change_protection', { change: true })
  t.is(await api.refusal('DELETE', path), '423 protected')
  await act('change_protection', { change: false })
  await api.done('DELETE', path)
  t.is(await api.refusal('GET', path), '404 not_found')
  t.is((await api.get(`${sets}/@/NS`)).rrset.records.length, 3)
  await api.done('DELETE', '/zones/example.com')
  t.deepEqual(emulator.holdings(), {})
})

test('the catalog has types, images, places and prices', async (t) => {
  const { api } = await started(t)
  const [type] = (await api.get('/server_types?name=cx23')).server_types
  t.like(type, { cores: 2, memory: 4, disk: 40, architecture: 'x86' })
  t.deepEqual(
    type?.prices.map(({ location }) => location),
    ['fsn1', 'nbg1', 'hel1'],
  )
  t.regex(type?.prices[0]?.price_monthly.gross ?? '', /^\d+\.\d{16}$/)
  const named = await api.get('/images?name=debian-12&architecture=x86&include_deprecated=true')
  t.deepEqual(
    named.images.map(({ architecture }) => architecture),
    ['x86'],
  )
  t.is((await api.get('/images?name=debian-12')).images.length, 2)
  t.is((await api.get('/locations')).locations.length, 6)
  const { pricing } = await api.get('/pricing')
  t.is(pricing.primary_ips[0]?.prices.length, 6)
  t.truthy(pricing.volume.price_per_gb_month)
  const nowhere = { ...SERVER, server_type: 'cx23', location: 'ash' }
  t.deepEqual(await api.badFields('POST', '/servers', nowhere), ['location'])
  t.is(await api.refusal('GET', '/datacenters'), '404 not_found')
})

test('calls are refused by token, path, method and input', async (t) => {
  const { api } = await started(t)
  const denied = await api.call('GET', '/servers', undefined, 'x'.repeat(64))
  t.is(denied.status, 401)
  t.is(denied.body.error.code, 'unauthorized')
  t.is(await api.refusal('GET', '/nothing'), '404 not_found')
  t.is(await api.refusal('DELETE', '/servers'), '405 method_not_allowed')
  t.is(await api.refusal('POST', '/servers', '{'), '400 json_error')
  t.is(await api.refusal('GET', '/actions'), '410 deprecated_api_endpoint')
  const wrong = { ...SERVER, name: 'not_a_host', datacenter: 'fsn1-dc14', public_net: { ipv5: 1 } }
  t.deepEqual(await api.badFields('POST', '/servers', wrong), ['datacenter', 'name', 'public_net.ipv5'])
  t.deepEqual(await api.badFields('POST', '/servers', { ...SERVER, image: 'windows' }), ['image'])
  t.deepEqual(await api.badFields('POST', '/servers', { ...SERVER, labels: { '-': 'x' } }), ['labels.-'])
  const network = { ...SERVER, networks: [1] }
  t.is(await api.refusal('POST', '/servers', network), '404 not_found')
  t.deepEqual(await api.badFields('GET', '/servers?colour=red', undefined), ['colour'])
  t.deepEqual(await api.badFields('GET', '/servers?sort=colour', undefined), ['sort'])
})

test('names are unique by kind, and keys by what they are', async (t) => {
  const { api } = await started(t)
  const { ssh_key } = await api.done('POST', '/ssh_keys', { name: 'a', public_key: KEY })
  t.regex(ssh_key.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  const again = (name: string, public_key: string) => api.refusal('POST', '/ssh_keys', { name, public_key })
  t.is(await again('a', OTHER_KEY), '409 uniqueness_error')
  t.is(await again('b', KEY), '409 uniqueness_error')
  t.is(await again('b', 'ssh-rsa AAAA'), '422 invalid_input')
  t.is(await again('b', OTHER_KEY), '201')
  t.is(await api.refusal('PUT', `/ssh_keys/${ssh_key.id}`, { name: 'b' }), '409 uniqueness_error')
  t.is(await api.refusal('PUT', `/ssh_keys/${ssh_key.id}`, { name: 'a' }), '200')
  await api.done('POST', '/servers', SERVER)
  t.is(await api.refusal('POST', '/servers', SERVER), '409 uniqueness_error')
  for (const [path, body] of [
    ['/volumes', { name: 'a', size: 10, location: 'fsn1' }],
    ['/firewalls', { name: 'a' }],
    ['/placement_groups', { name: 'a', type: 'spread' }],
    ['/primary_ips', { name: 'a', type: 'ipv6', location: 'fsn1' }],
  ] as const) {
    t.is(await api.refusal('POST', path, body), '201')
    t.is(await api.refusal('POST', path, body), '409 uniqueness_error')
  }
})

test('lists come in pages, and are chosen by name and labels', async (t) => {
  const { api } = await started(t)
  const key = (index: number) =>
    `ssh-ed25519 ${Buffer.concat([Buffer.from('\0\0\0\vssh-ed25519\0\0\0 '), Buffer.alloc(32, index)]).toString('base64')}`
  for (let index = 0; index < 7; index += 1) {
    const labels = { n: String(index % 2), ...(index < 2 && { first: '' }) }
    await api.done('POST', '/ssh_keys', { name: `k${index}`, public_key: key(index), labels })
  }
  const names = async (query: string) =>
    (await api.get(`/ssh_keys?${query}`)).ssh_keys.map(({ name }) => name)
  t.deepEqual(await names('page=2&per_page=3'), ['k3', 'k4', 'k5'])
  t.deepEqual((await api.get('/ssh_keys?page=3&per_page=3')).meta.pagination, {
    page: 3,
    per_page: 3,
    previous_page: 2,
    next_page: null,
    last_page: 3,
    total_entries: 7,
  })
  t.like((await api.get('/ssh_keys?per_page=1000')).meta.pagination, { per_page: 50, next_page: null })
  t.deepEqual(await names('sort=name:desc&per_page=2'), ['k6', 'k5'])
  t.deepEqual(await names('name=k4'), ['k4'])
  const selected = (selector: string) => names(`label_selector=${encodeURIComponent(selector)}`)
  t.deepEqual(await selected('n=1'), ['k1', 'k3', 'k5'])
  t.deepEqual(await selected('n==1,first'), ['k1'])
  t.deepEqual(await selected('n!=1,!first'), ['k2', 'k4', 'k6'])
  t.deepEqual(await selected('n in (1, 2),first'), ['k1'])
  t.deepEqual(await selected('n notin (1)'), ['k0', 'k2', 'k4', 'k6'])
  t.deepEqual(await api.badFields('GET', '/ssh_keys?label_selector=a=b=c', undefined), ['label_selector'])
})

test('a server takes one action at a time, and a group ten servers', async (t) => {
  const { api } = await started(t, { actionMs: 60_000 })
  const { placement_group } = await api.done('POST', '/placement_groups', { name: 'g', type: 'spread' })
  const body = { ...SERVER, placement_group: placement_group.id }
  const { body: first } = await api.call('POST', '/servers', body)
  const path = `/servers/${first.server.id}`
  t.is(await api.refusal('POST', `${path}/actions/poweroff`), '423 locked')
  t.is(await api.refusal('DELETE', path), '423 locked')
  t.is(await api.refusal('POST', '/volumes', { name: 'v', size: 10, server: first.server.id }), '423 locked')
  const running = (await api.get(`/actions/${first.action.id}`)).action
  t.is(running.status, 'running')
  t.true(running.progress < 100)
  t.is((await api.get(`${path}/actions/${first.action.id}`)).action.command, 'create_server')
  t.is((await api.get(`${path}/actions`)).actions.length, 2)
  for (let index = 2; index <= 10; index += 1) {
    t.is(await api.refusal('POST', '/servers', { ...body, name: `s${index}` }), '201')
  }
  t.is(
    await api.refusal('POST', '/servers', { ...body, name: 's11' }),
    '422 placement_group_member_limit_reached',
  )
})

test('every answer says how many requests are left, and an hour has so many', async (t) => {
  const { api } = await started(t)
  const { headers } = await api.call('GET', '/servers')
  t.is(headers.get('ratelimit-limit'), '3600')
  t.is(headers.get('ratelimit-remaining'), '3599')
  t.true(Number(headers.get('ratelimit-reset')) >= Math.floor(Date.now() / 1000))
  t.is(headers.get('content-type'), 'application/json')
  t.regex(headers.get('x-correlation-id') ?? '', /^\w+$/)
  const { api: limited } = await started(t, { rateLimit: 2 })
  t.is(await limited.refusal('GET', '/servers'), '200')
  t.is(await limited.refusal('GET', '/servers'), '200')
  t.is(await limited.refusal('GET', '/servers'), '429 rate_limit_exceeded')
})

test('faults answer for the call that they are meant for', async (t) => {
  const { emulator, api } = await started(t)
  emulator.fail({ method: 'GET', path: /^\/servers$/, nth: 2, with: { error: 'conflict', message: 'again' } })
  t.is(await api.refusal('GET', '/servers'), '200')
  t.is(await api.refusal('GET', '/volumes'), '200')
  t.is(await api.refusal('GET', '/servers'), '409 conflict')
  t.is(await api.refusal('GET', '/servers'), '200')
  emulator.fail({ method: 'GET', path: /./, times: 3, with: { error: 'rate_limit_exceeded' } })
  for (let index = 0; index < 3; index += 1)
    t.is(await api.refusal('GET', '/servers'), '429 rate_limit_exceeded')
  t.is(await api.refusal('GET', '/servers'), '200')

  const creating = { method: 'POST', path: /^\/servers$/, times: Infinity }
  emulator.fail({ ...creating, with: { soldOut: { serverType: 'cx23', location: 'fsn1' } } })
  t.is(await api.refusal('POST', '/servers', SERVER), '412 resource_unavailable')
  t.is(await api.refusal('POST', '/servers', { ...SERVER, location: 'nbg1' }), '201')
  emulator.fail({ ...creating, with: { limit: 'server_limit' } })
  const limited = await api.call('POST', '/servers', { ...SERVER, name: 'two', location: 'nbg1' })
  t.is(limited.status, 403)
  t.deepEqual(limited.body.error.details as unknown, { limits: [{ name: 'server_limit' }] })
  emulator.resetFaults()
  t.is(await api.refusal('POST', '/servers', { ...SERVER, name: 'two' }), '201')
  t.deepEqual(emulator.calls.slice(-2), [
    { method: 'POST', path: '/servers', status: 403 },
    { method: 'POST', path: '/servers', status: 201 },
  ])
})

test('actions fail and take long on command', async (t) => {
  const { emulator, api } = await started(t)
  const { server } = await api.done('POST', '/servers', SERVER)
  const path = `/servers/${server.id}`
  emulator.fail({ method: 'POST', path: /poweroff$/, with: { actionError: 'action_failed', message: 'no' } })
  const { ended } = await api.done('POST', `${path}/actions/poweroff`)
  t.like(ended[0], { status: 'error', error: { code: 'action_failed', message: 'no' } })
  t.is((await api.get(path)).server.status, 'running')
  emulator.fail({ method: 'POST', path: /poweroff$/, with: { actionMs: 60_000 } })
  const { body } = await api.call('POST', `${path}/actions/poweroff`)
  t.is(body.action.status, 'running')
  t.is(await api.refusal('DELETE', path), '423 locked')
  emulator.fail({ method: 'POST', path: /^\/servers$/, with: { actionError: 'action_failed' } })
  const failed = await api.done('POST', '/servers', { ...SERVER, name: 'two' })
  t.deepEqual(
    failed.ended.map(({ status }) => status),
    ['error', 'error'],
  )
  const two = `/servers/${failed.server.id}`
  t.is((await api.get(two)).server.status, 'off')
  emulator.fail({ method: 'DELETE', path: /./, with: { actionMs: 60_000 } })
  t.is(await api.refusal('DELETE', two), '200')
  t.is((await api.get(two)).server.status, 'deleting')
})

test('replies and requests get lost, and effects come late', async (t) => {
  const { emulator, api } = await started(t)
  const group = (name: string) => api.call('POST', '/placement_groups', { name, type: 'spread' })
  const rule = { method: 'POST', path: /^\/placement_groups$/ }
  const reached = emulator.reached('POST', /^\/placement_groups$/)
  emulator.fail({ ...rule, with: { lose: 'reply' } })
  await t.throwsAsync(group('kept'))
  await reached
  emulator.fail({ ...rule, with: { lose: 'request' } })
  await t.throwsAsync(group('gone'))
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept'] })

  emulator.fail({ ...rule, with: { delayMs: 400 } })
  const late = group('late')
  t.like((await api.get('/placement_groups?name=late')).meta.pagination, { total_entries: 0 })
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept'] })
  await late
  t.deepEqual(emulator.holdings(), { placement_groups: ['kept', 'late'] })

  emulator.fail({ ...rule, with: { hold: 'reply' } })
  const effect = emulator.reached('POST', /^\/placement_groups$/)
  const held = group('held')
  t.deepEqual(await effect, { method: 'POST', path: '/placement_groups' })
  t.deepEqual(emulator.holdings(), { placement_groups: ['held', 'kept', 'late'] })
  await emulator.close()
  await t.throwsAsync(held)
})

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
