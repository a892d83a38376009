import { z } from 'zod'
import { VOLUME_GB } from '../../hosts/host-spec.ts'
import { cidr, name, oneLine } from './fields.ts'
import { byHand } from './hosts.ts'

const tenancy = z.enum(['shared', 'dedicated']).default('shared')

/** Names of things at Hetzner Cloud. */
const cloudName = (what: string) =>
  z.string().regex(/^[a-z0-9][a-z0-9-]{1,29}$/, `must be the name of a ${what}, such as they have it`)

const DNS_LABELS = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const dnsName = z.string().max(253).regex(DNS_LABELS, 'must be a name in the DNS, in lower case')

const { least, most } = VOLUME_GB
const VOLUME_RULE = `must be a whole number from ${least} to ${most}, in GB`
const volumeGb = z
  .number(VOLUME_RULE)
  .refine((size) => Number.isInteger(size) && size >= least && size <= most, VOLUME_RULE)

const ID_RULE = 'must be the number of a placement group'

const bought = z.strictObject({
  kind: z.literal('hcloud'),
  ...{ name, tenancy },
  serverType: cloudName('server type'),
  location: cloudName('location'),
  volumeGb,
  placementGroup: z
    .number(ID_RULE)
    .refine((id) => Number.isSafeInteger(id) && id > 0, ID_RULE)
    .nullish(),
  domain: z
    .strictObject({ zone: dnsName, record: dnsName })
    .refine(
      ({ zone, record }) => zone.length + record.length < 253,
      'must be a name of at most 253 characters',
    )
    .nullish(),
})

const local = z.strictObject({ kind: z.literal('local'), name, tenancy })

const PORT_RULE = 'must be a whole number from 1 to 65535'
const owned = z.strictObject({
  kind: z.literal('ssh'),
  ...{ name, tenancy },
  address: z.string().max(45),
  port: z
    .number(PORT_RULE)
    .refine((port) => Number.isInteger(port) && port > 0 && port < 65_536, PORT_RULE)
    .default(22),
  user: z.string().max(32).default('root'),
  privateKey: z.string().min(1).max(10_000),
  hostKey: oneLine(500),
  controlPlane: z.array(cidr).min(1).max(16),
})

export const addHostBody = z.discriminatedUnion('kind', [bought, local, owned])

export const changeHostBody = z.strictObject({
  serverType: cloudName('server type').optional(),
  volumeGb: volumeGb.optional(),
  updates: z.strictObject({ window: z.string().max(10) }).optional(),
})

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

export const extrasQuery = z.strictObject({ preview: flag, by: byHand })

export const previewQuery = z.strictObject({ preview: flag })

export const confirmedQuery = z.strictObject({ preview: flag, confirm: z.string().max(63).optional() })
