import { z } from 'zod'
import type { CloudSpec } from '../host-spec.ts'
import { type CloudAccess, CloudError, get } from './client.ts'
import { type Money, money, NOTHING, shown, sum, times } from './money.ts'

/** What a bought machine costs in a month, with everything that is bought for it; taxes are in `gross`. */
export interface MonthlyPrice {
  /** `EUR`, … */
  currency: string
  net: string
  gross: string
  /** In percent. */
  vatRate: string
  /** Each rounded by itself: the last digit of their sum may be another than the total's. */
  items: { what: string; net: string; gross: string }[]
}

const price = z.object({ net: money, gross: money })
const prices = z.array(z.object({ location: z.string(), price_monthly: price }))
const priceList = z.object({
  pricing: z.object({
    currency: z.string(),
    vat_rate: z.string(),
    server_types: z.array(z.object({ name: z.string(), prices })),
    primary_ips: z.array(z.object({ type: z.string(), prices })),
    volume: z.object({ price_per_gb_month: price }),
  }),
})

type Price = z.infer<typeof price>
type Prices = z.infer<typeof prices>

/** By the provider's own list. @throws CloudError, also where the list has no price for one of its parts */
export async function monthlyPrice(access: CloudAccess, cloud: CloudSpec): Promise<MonthlyPrice> {
  const { pricing } = await get(access, '/pricing', priceList)
  const { serverType, location, volumeGb } = cloud
  const at = (what: string, of: { prices: Prices } | undefined): Price => {
    const found = of?.prices.find((one) => one.location === location)
    if (found) return found.price_monthly
    throw new CloudError(
      'refused',
      `Hetzner Cloud has no price for ${what} at ${location}: choose another location or server type.`,
    )
  }
  const address = (type: string) => pricing.primary_ips.find((one) => one.type === type)
  const perGb = pricing.volume.price_per_gb_month
  const server = pricing.server_types.find(({ name }) => name === serverType)
  const ipv6 = address('ipv6')
  const parts: { what: string; price: Price }[] = [
    { what: `server ${serverType} at ${location}`, price: at(serverType, server) },
    { what: 'IPv4 address', price: at('an IPv4 address', address('ipv4')) },
    // What the list does not know is not charged for.
    { what: 'IPv6 address', price: ipv6 ? at('an IPv6 address', ipv6) : FREE },
    {
      what: `volume of ${volumeGb} GB`,
      price: { net: times(perGb.net, volumeGb), gross: times(perGb.gross, volumeGb) },
    },
  ]
  const total = (of: (one: Price) => Money): string => shown(sum(parts.map((part) => of(part.price))))
  return {
    ...{ currency: pricing.currency, vatRate: pricing.vat_rate },
    ...{ net: total(({ net }) => net), gross: total(({ gross }) => gross) },
    items: parts.map(({ what, price: { net, gross } }) => ({ what, net: shown(net), gross: shown(gross) })),
  }
}

const FREE: Price = { net: NOTHING, gross: NOTHING }
