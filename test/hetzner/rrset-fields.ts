import { isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'
import { invalid } from './errors.ts'
import { labels } from './fields.ts'
import type { RecordValue, RrsetRecord, ZoneRecord } from './records.ts'

const LEAST_TTL = 60
const MOST_TTL = 2_147_483_647
const TYPES = 'A AAAA CAA CNAME DS HINFO HTTPS MX NS PTR RP SOA SRV SVCB TLSA TXT'.split(' ')

export const ttl = z.int().min(LEAST_TTL).max(MOST_TTL)
const type = z.enum(TYPES)
const rrsetName = z
  .string()
  .regex(/^(@|(\*|[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*)$/)
export const records = z
  .array(z.strictObject({ value: z.string().min(1), comment: z.string().max(255).optional() }))
  .min(1)

export const creatingRrset = z.strictObject({
  name: rrsetName,
  type,
  ttl: ttl.nullable().optional(),
  labels: labels.optional(),
  records,
})

const WELL_FORMED: Record<string, (value: string) => boolean> = {
  A: isIPv4,
  AAAA: isIPv6,
  // Several strings, each quoted, make one long text.
  TXT: (value) => /^"(\\.|[^"\\])*"(\s+"(\\.|[^"\\])*")*$/.test(value),
}

/** Throws when a value is none of the type, or comes twice. */
export function refuseMalformed(of: string, values: RecordValue[]): void {
  for (const [index, { value }] of values.entries()) {
    if (WELL_FORMED[of]?.(value) === false) throw invalid('records', `'${value}' is no ${of} record`)
    if (values.findIndex((other) => other.value === value) < index) {
      throw invalid('records', `'${value}' comes twice`)
    }
  }
  if (of === 'CNAME' && values.length > 1) throw invalid('records', 'only one CNAME record can be there')
}

interface Wanted {
  name: string
  type: string
  ttl?: number | null | undefined
  labels?: RrsetRecord['labels'] | undefined
  records: RecordValue[]
}

/** Puts a set of records in the zone. */
export function addRrset(zone: ZoneRecord, wanted: Wanted): RrsetRecord {
  const id = `${wanted.name}/${wanted.type}`
  const { ttl: own = null, labels: given = {} } = wanted
  const rrset = { ...wanted, id, ttl: own, labels: given, protection: { change: false } }
  zone.rrsets.set(id, rrset)
  return rrset
}
