import test from 'ava'
import { SERVER, started } from './started.ts'

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
