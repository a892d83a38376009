import { z } from 'zod'
import { protecting, reading, refuseProtected } from './collection.ts'
import { ApiError, invalid } from './errors.ts'
import { labels, nothing } from './fields.ts'
import type { ZoneRecord } from './records.ts'
import { type Route, route } from './router.ts'
import { addRrset, creatingRrset, refuseMalformed, ttl } from './rrset-fields.ts'
import type { Store } from './store.ts'
import { resourceOf, started, type World } from './world.ts'

const NAMESERVERS = ['hydrogen.ns.hetzner.com.', 'oxygen.ns.hetzner.com.', 'helium.ns.hetzner.de.']
const DEFAULT_TTL = 3600

const nameserver = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(1).max(65_535).default(53),
  tsig_algorithm: z.enum(['hmac-md5', 'hmac-sha1', 'hmac-sha256']).optional(),
  tsig_key: z.string().optional(),
})
const nameservers = z.array(nameserver).min(1)
const creating = z.strictObject({
  name: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$/),
  mode: z.enum(['primary', 'secondary']),
  ttl: ttl.optional(),
  labels: labels.optional(),
  primary_nameservers: nameservers.optional(),
  rrsets: z.array(creatingRrset).optional(),
})

const view = (zone: ZoneRecord): object => ({
  id: zone.id,
  name: zone.name,
  labels: zone.labels,
  created: zone.created,
  mode: zone.mode,
  ttl: zone.ttl,
  primary_nameservers: zone.primaryNameservers,
  protection: zone.protection,
  status: 'ok',
  registrar: 'other',
  record_count: [...zone.rrsets.values()].reduce((sum, { records }) => sum + records.length, 0),
  authoritative_nameservers: {
    assigned: NAMESERVERS,
    delegated: [],
    delegation_last_check: null,
    delegation_status: 'unknown',
  },
})

/** Throws `not_found`. @param wanted id or name */
export function zoneOf({ zones }: Store, wanted: string): ZoneRecord {
  const zone = zones.all().find(({ id, name }) => String(id) === wanted || name === wanted)
  if (!zone) throw new ApiError('not_found', `zone '${wanted}' not found`)
  return zone
}

/** Throws unless the zone is of the mode. */
export function refuseMode(zone: ZoneRecord, mode: ZoneRecord['mode']): void {
  if (zone.mode !== mode) throw new ApiError('incorrect_zone_mode', `${zone.name} is ${zone.mode}`)
}

/** What every zone begins with. */
function addOwnRrsets(zone: ZoneRecord): void {
  const [first = ''] = NAMESERVERS
  const serial = zone.created.slice(0, 10).replaceAll('-', '')
  const soa = `${first} dns.hetzner.com. ${serial}00 86400 10800 3600000 3600`
  addRrset(zone, { name: '@', type: 'SOA', records: [{ value: soa }] })
  addRrset(zone, { name: '@', type: 'NS', records: NAMESERVERS.map((value) => ({ value })) })
}

export function zoneRoutes(world: World): Route[] {
  const { store, actions } = world
  const table = store.zones
  const filters = { mode: (row: ZoneRecord, value: string) => row.mode === value }
  const zones = { table, many: 'zones', view, filters }
  const shown = (zone: ZoneRecord) => ({ status: 200, body: { zone: view(zone) } })
  /** An action that changes the zone. */
  const changed = (zone: ZoneRecord, command: string, work: () => void) =>
    started(world, actions.run({ command, resources: [resourceOf(table, zone)], work }))
  return [
    ...reading(zones),
    protecting(world, zones),
    route('GET', '/zones/:zone', nothing, ({ part }) => shown(zoneOf(store, part('zone')))),
    route('POST', '/zones', creating, ({ body }) => {
      table.refuseTaken(body.name)
      const secondary = body.mode === 'secondary'
      if (secondary !== (body.primary_nameservers !== undefined)) {
        throw invalid('primary_nameservers', 'is needed exactly where the mode is secondary')
      }
      if (secondary && body.rrsets) throw invalid('rrsets', 'come from the primary nameservers')
      for (const { type, records } of body.rrsets ?? []) refuseMalformed(type, records)
      const zone = table.add({
        ...store.named(body),
        mode: body.mode,
        ttl: body.ttl ?? DEFAULT_TTL,
        primaryNameservers: body.primary_nameservers ?? [],
        protection: { delete: false },
        rrsets: new Map(),
      })
      if (!secondary) addOwnRrsets(zone)
      for (const rrset of body.rrsets ?? []) addRrset(zone, rrset)
      const action = actions.run({ command: 'create_zone', resources: [resourceOf(table, zone)] })
      return { status: 201, body: { zone: view(zone), action: actions.view(action) } }
    }),
    route('PUT', '/zones/:zone', z.strictObject({ labels: labels.optional() }), ({ part, body }) => {
      const zone = zoneOf(store, part('zone'))
      zone.labels = body.labels ?? zone.labels
      return shown(zone)
    }),
    route('DELETE', '/zones/:zone', nothing, ({ part }) => {
      const zone = zoneOf(store, part('zone'))
      refuseProtected(zone)
      return changed(zone, 'delete_zone', () => table.delete(zone.id))
    }),
    route('POST', '/zones/:zone/actions/change_ttl', z.strictObject({ ttl }), ({ part, body }) => {
      const zone = zoneOf(store, part('zone'))
      refuseMode(zone, 'primary')
      return changed(zone, 'change_ttl', () => {
        zone.ttl = body.ttl
      })
    }),
    route(
      'POST',
      '/zones/:zone/actions/change_primary_nameservers',
      z.strictObject({ primary_nameservers: nameservers }),
      ({ part, body }) => {
        const zone = zoneOf(store, part('zone'))
        refuseMode(zone, 'secondary')
        return changed(zone, 'change_primary_nameservers', () => {
          zone.primaryNameservers = body.primary_nameservers
        })
      },
    ),
  ]
}
