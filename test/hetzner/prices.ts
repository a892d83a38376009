const VAT = 0.19
const HOURS = 730
const TB = 1024 ** 4

interface Price {
  net: string
  gross: string
}

/** Decimals as text, as long as the API writes them. */
const price = (net: number): Price => ({ net: net.toFixed(10), gross: (net * (1 + VAT)).toFixed(16) })

const perHourAndMonth = (monthly: number) => ({
  price_hourly: price(monthly / HOURS),
  price_monthly: price(monthly),
})

/** Traffic outside of Europe is dearer, and less of it is included. */
const TRAFFIC: Record<string, { included: number; perTb: number }> = {
  ash: { included: TB, perTb: 1 },
  hil: { included: TB, perTb: 1 },
  sin: { included: TB / 2, perTb: 7.4 },
}
const EUROPEAN = { included: 20 * TB, perTb: 1 }

export function serverPrices(location: string, monthly: number) {
  const { included, perTb } = TRAFFIC[location] ?? EUROPEAN
  return {
    location,
    ...perHourAndMonth(monthly),
    included_traffic: included,
    price_per_tb_traffic: price(perTb),
  }
}

type ServerPrices = ReturnType<typeof serverPrices>

/** Of `GET /pricing`. */
export function pricing(
  locations: string[],
  serverTypes: { id: number; name: string; prices: ServerPrices[] }[],
): object {
  const everywhere = <Value>(value: Value): (Value & { location: string })[] =>
    locations.map((location) => ({ location, ...value }))
  return {
    currency: 'EUR',
    vat_rate: '19.000000',
    image: { price_per_gb_month: price(0.011) },
    floating_ip: { price_monthly: price(3) },
    floating_ips: [
      { type: 'ipv4', prices: everywhere({ price_monthly: price(3) }) },
      { type: 'ipv6', prices: everywhere({ price_monthly: price(1) }) },
    ],
    primary_ips: [
      { type: 'ipv4', prices: everywhere(perHourAndMonth(0.5)) },
      { type: 'ipv6', prices: everywhere(perHourAndMonth(0)) },
    ],
    traffic: { price_per_tb: price(0) },
    server_backup: { percentage: '20.0000000000' },
    server_types: serverTypes.map(({ id, name, prices }) => ({ id, name, prices })),
    load_balancer_types: [],
    volume: { price_per_gb_month: price(0.044) },
  }
}
