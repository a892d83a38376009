import test from 'ava'
import { KEY, SERVER, SSH_RULE, started } from './started.ts'

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
