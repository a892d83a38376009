import test from 'ava'
import { SERVER, SSH_RULE, started } from './started.ts'

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
