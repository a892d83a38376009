import { z } from 'zod'
import { canonicalCidr } from '../../common/cidr.ts'
import type { FieldProblem } from '../../common/errors.ts'
import type { CloudSpec } from '../host-spec.ts'
import { choices } from './choices.ts'
import { type CloudAccess, list } from './client.ts'
import type { OwnMachine } from './machine.ts'

const zone = z.object({ name: z.string(), mode: z.string() })
const rrset = z.object({ type: z.string(), records: z.array(z.object({ value: z.string() })) })

/** Names that have these can have no address of ours; that of the zone itself always has nameservers. */
const IN_THE_WAY = ['A', 'AAAA', 'CNAME', 'NS']

/** Why a host cannot have its name. */
export async function dnsProblems(
  access: CloudAccess,
  { domain }: CloudSpec,
  machine: Promise<OwnMachine>,
): Promise<FieldProblem[]> {
  if (!domain) return []
  const zones = await list(access, 'zones', zone)
  const found = zones.find(({ name }) => name === domain.zone)
  if (found?.mode !== 'primary') {
    const why = found
      ? `The zone ${domain.zone} is a copy of one that is kept elsewhere`
      : `The Hetzner Cloud project has no DNS zone ${domain.zone}`
    const names = zones.flatMap(({ name, mode }) => (mode === 'primary' ? [name] : []))
    const instead = choices(names, 'add it in the console of Hetzner Cloud, or leave domain null.')
    return [{ field: '/domain/zone', message: `${why}: ${instead}` }]
  }
  const { addresses } = await machine
  const foreign = (await recordsOf(access, domain)).filter(
    ({ type, values }) => !isOwn(type, values, addresses),
  )
  if (foreign.length === 0) return []
  const taken = foreign.map(({ type, values }) => `${type} ${values.join(' ')}`).join(', ')
  const message = `${domain.record}.${domain.zone} is taken (${taken}): choose another name, or delete these records.`
  return [{ field: '/domain/record', message }]
}

async function recordsOf(
  access: CloudAccess,
  { zone: of, record }: NonNullable<CloudSpec['domain']>,
): Promise<{ type: string; values: string[] }[]> {
  const path = `/zones/${encodeURIComponent(of)}/rrsets`
  const sets = await list(access, 'rrsets', rrset, { path, query: { name: record } })
  return sets
    .filter(({ type }) => IN_THE_WAY.includes(type) && !(type === 'NS' && record === '@'))
    .map(({ type, records }) => ({ type, values: records.map(({ value }) => value) }))
}

const isOwn = (type: string, values: string[], addresses: string[]): boolean =>
  (type === 'A' || type === 'AAAA') &&
  values.every((value) => addresses.includes(canonicalCidr(value) ?? value))
