import { z } from 'zod'
import { canonicalCidr } from '../../common/cidr.ts'
import type { FirewallRule } from './records.ts'

const MOST_RULES = 50
const MOST_NETWORKS = 100
const HIGHEST_PORT = 65_535

const isPort = (text: string): boolean => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= HIGHEST_PORT

const isPorts = (text: string): boolean => {
  const [first = '', last = first, ...more] = text.split('-')
  return more.length === 0 && isPort(first) && isPort(last) && Number(first) <= Number(last)
}

/** With a prefix, and without bits beyond it. */
const isNetwork = (text: string): boolean => {
  const [address = '', prefix] = text.split('/')
  const [shortest] = canonicalCidr(address)?.split('/') ?? []
  return prefix !== undefined && shortest !== undefined && canonicalCidr(text) === `${shortest}/${prefix}`
}

const networks = z
  .array(
    z
      .string()
      .refine(isNetwork, 'is no network in CIDR notation')
      .transform((text) => canonicalCidr(text) ?? text),
  )
  .max(MOST_NETWORKS)

const rule = z
  .strictObject({
    direction: z.enum(['in', 'out']),
    protocol: z.enum(['tcp', 'udp', 'icmp', 'esp', 'gre']),
    port: z.string().refine(isPorts, 'is no port and no range of ports').nullable().optional(),
    source_ips: networks.optional(),
    destination_ips: networks.optional(),
    description: z.string().max(255).nullable().optional(),
  })
  .transform(
    ({ port = null, source_ips = [], destination_ips = [], description = null, ...rest }): FirewallRule => ({
      ...rest,
      port,
      source_ips,
      destination_ips,
      description,
    }),
  )
  .superRefine(({ direction, protocol, port, source_ips, destination_ips }, context) => {
    const refuse = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message })
    const hasPorts = protocol === 'tcp' || protocol === 'udp'
    if (hasPorts && port === null) refuse('port', `is needed for ${protocol}`)
    if (!hasPorts && port !== null) refuse('port', `cannot be given for ${protocol}`)
    const [needed, other] = direction === 'in' ? [source_ips, destination_ips] : [destination_ips, source_ips]
    const fields = direction === 'in' ? ['source_ips', 'destination_ips'] : ['destination_ips', 'source_ips']
    if (needed.length === 0) refuse(fields[0] ?? '', `is needed for direction ${direction}`)
    if (other.length > 0) refuse(fields[1] ?? '', `cannot be given for direction ${direction}`)
  })

export const rules = z.array(rule).max(MOST_RULES)
