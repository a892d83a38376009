import { firewallsOf } from './firewall-targets.ts'
import { placementGroupView } from './placement-groups.ts'
import { primaryIpsOf } from './primary-ips.ts'
import type { PrimaryIpRecord, ServerRecord } from './records.ts'
import { pointersView } from './reverse-dns.ts'
import { resourceOf, type World } from './world.ts'

const ipv4View = ({ id, ip, pointers }: PrimaryIpRecord): object => ({
  id,
  ip,
  blocked: false,
  dns_ptr: pointers.get(ip) ?? '',
})

const ipv6View = (row: PrimaryIpRecord): object => ({
  id: row.id,
  ip: row.ip,
  blocked: false,
  dns_ptr: pointersView(row),
})

function publicNet(world: World, server: ServerRecord): object {
  const { store, actions } = world
  const ips = primaryIpsOf(world, server)
  const ipv4 = ips.find(({ type }) => type === 'ipv4')
  const ipv6 = ips.find(({ type }) => type === 'ipv6')
  const self = resourceOf(store.servers, server)
  const firewalls = firewallsOf(store, server).map((firewall) => ({
    id: firewall.id,
    status: actions.isRunning('apply_firewall', self, resourceOf(store.firewalls, firewall))
      ? 'pending'
      : 'applied',
  }))
  return {
    ipv4: ipv4 ? ipv4View(ipv4) : null,
    ipv6: ipv6 ? ipv6View(ipv6) : null,
    floating_ips: [],
    firewalls,
  }
}

export function serverView(world: World, server: ServerRecord): object {
  const { store, actions } = world
  const prices = server.type.prices.find(({ location }) => location === server.location.name)
  const group = server.placementGroup === null ? undefined : store.placementGroups.need(server.placementGroup)
  return {
    id: server.id,
    name: server.name,
    labels: server.labels,
    created: server.created,
    status: server.status,
    public_net: publicNet(world, server),
    private_net: [],
    server_type: server.type,
    location: server.location,
    image: server.image,
    iso: null,
    rescue_enabled: false,
    locked: actions.isLocked(store.servers.noun, server.id),
    backup_window: server.backupWindow,
    included_traffic: prices?.included_traffic ?? 0,
    ingoing_traffic: 0,
    outgoing_traffic: 0,
    protection: server.protection,
    volumes: store.volumes.all().flatMap((volume) => (volume.server === server.id ? [volume.id] : [])),
    load_balancers: [],
    primary_disk_size: server.primaryDiskSize,
    placement_group: group ? placementGroupView(store, group) : null,
  }
}
