import { type ZodType, z } from 'zod'
import { ApiError, invalid } from './errors.ts'
import { labels, nothing } from './fields.ts'
import { listing, namedFilters } from './paging.ts'
import type { RecordValue, RrsetRecord, ZoneRecord } from './records.ts'
import { type Reply, type Route, route } from './router.ts'
import { addRrset, creatingRrset, records, refuseMalformed, ttl } from './rrset-fields.ts'
import { resourceOf, started, type World } from './world.ts'
import { refuseMode, zoneOf } from './zones.ts'

const MOST_PER_PAGE = 100
const PATH = '/zones/:zone/rrsets/:name/:type'
const holding = z.strictObject({ records })

interface Place {
  zone: ZoneRecord
  name: string
  type: string
}

const refuseLocked = ({ id, protection }: RrsetRecord): void => {
  if (protection.change) throw new ApiError('protected', `${id} is protected from changes`)
}

/** The SOA is the nameservers' own. */
const refuseSoa = (type: string): void => {
  if (type === 'SOA') throw new ApiError('unsupported_error', 'the SOA record is not changed so')
}

export function rrsetRoutes(world: World): Route[] {
  const { store, actions } = world
  const primary = (wanted: string): ZoneRecord => {
    const zone = zoneOf(store, wanted)
    refuseMode(zone, 'primary')
    return zone
  }
  const found = ({ zone, name, type }: Place): RrsetRecord => {
    const rrset = zone.rrsets.get(`${name}/${type}`)
    if (!rrset) throw new ApiError('not_found', `${name}/${type} not found in ${zone.name}`)
    return rrset
  }
  const placeOf = (part: (name: string) => string): Place => ({
    zone: primary(part('zone')),
    name: part('name'),
    type: part('type'),
  })
  const view = (zone: ZoneRecord, rrset: RrsetRecord): object => ({ ...rrset, zone: zone.id })
  const changed = (zone: ZoneRecord, command: string, work?: () => void): Reply => {
    const resources = [resourceOf(store.zones, zone)]
    return started(world, actions.run({ command, resources, ...(work && { work }) }))
  }
  /** @param decide throws when it is not allowed, and gives what is done then */
  const action = <Body>(
    command: string,
    schema: ZodType<Body>,
    decide: (place: Place, body: Body) => () => void,
  ): Route =>
    route('POST', `${PATH}/actions/${command}`, schema, ({ part, body }) => {
      const place = placeOf(part)
      return changed(place.zone, command, decide(place, body))
    })
  const withRecords = (place: Place, values: RecordValue[]): (() => void) => {
    const rrset = found(place)
    refuseLocked(rrset)
    refuseMalformed(place.type, values)
    return () => {
      rrset.records = values
      if (values.length === 0) place.zone.rrsets.delete(rrset.id)
    }
  }
  return [
    route('GET', '/zones/:zone/rrsets', nothing, ({ part, query }) => {
      const zone = primary(part('zone'))
      return listing(query, {
        key: 'rrsets',
        rows: [...zone.rrsets.values()],
        view: (row) => view(zone, row),
        filters: { ...namedFilters, type: (row, value) => row.type === value },
        sorts: ['name', 'type'],
        mostPerPage: MOST_PER_PAGE,
      })
    }),
    route('POST', '/zones/:zone/rrsets', creatingRrset, ({ part, body }) => {
      const zone = primary(part('zone'))
      if (zone.rrsets.has(`${body.name}/${body.type}`)) {
        const details = { fields: [{ name: 'name' }, { name: 'type' }] }
        throw new ApiError('uniqueness_error', `${body.name}/${body.type} is there already`, { details })
      }
      refuseSoa(body.type)
      refuseMalformed(body.type, body.records)
      const rrset = addRrset(zone, body)
      const { status, body: more } = changed(zone, 'create_rrset')
      return { status, body: { rrset: view(zone, rrset), ...more } }
    }),
    route('GET', PATH, nothing, ({ part }) => {
      const place = placeOf(part)
      return { status: 200, body: { rrset: view(place.zone, found(place)) } }
    }),
    route('PUT', PATH, z.strictObject({ labels: labels.optional() }), ({ part, body }) => {
      const place = placeOf(part)
      const rrset = found(place)
      rrset.labels = body.labels ?? rrset.labels
      return { status: 200, body: { rrset: view(place.zone, rrset) } }
    }),
    route('DELETE', PATH, nothing, ({ part }) => {
      const place = placeOf(part)
      const rrset = found(place)
      refuseSoa(place.type)
      refuseLocked(rrset)
      return changed(place.zone, 'delete_rrset', () => place.zone.rrsets.delete(rrset.id))
    }),
    action('change_protection', z.strictObject({ change: z.boolean() }), (place, { change }) => {
      const rrset = found(place)
      return () => {
        rrset.protection = { change }
      }
    }),
    action('change_ttl', z.strictObject({ ttl: ttl.nullable() }), (place, body) => {
      const rrset = found(place)
      refuseLocked(rrset)
      return () => {
        rrset.ttl = body.ttl
      }
    }),
    action('set_records', holding, (place, body) => withRecords(place, body.records)),
    action('add_records', holding.extend({ ttl: ttl.nullable().optional() }), (place, body) => {
      const { zone, name, type } = place
      const there = zone.rrsets.get(`${name}/${type}`)
      if (there) return withRecords(place, [...there.records, ...body.records])
      refuseMalformed(type, body.records)
      return () => {
        addRrset(zone, { name, type, ttl: body.ttl, records: body.records })
      }
    }),
    action('update_records', holding, (place, body) => {
      const { records: held } = found(place)
      const missing = body.records.find(({ value }) => held.every((one) => one.value !== value))
      if (missing) throw invalid('records', `'${missing.value}' is not there`)
      const comments = new Map(body.records.map(({ value, comment }) => [value, comment]))
      return withRecords(
        place,
        held.map((one) => (comments.has(one.value) ? { ...one, comment: comments.get(one.value) } : one)),
      )
    }),
    action('remove_records', holding, (place, body) => {
      const removed = body.records.map(({ value }) => value)
      const { records: held } = found(place)
      return withRecords(
        place,
        held.filter(({ value }) => !removed.includes(value)),
      )
    }),
  ]
}
