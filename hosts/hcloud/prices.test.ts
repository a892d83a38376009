import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { Secret } from '../../common/secret.ts'
import { HetznerEmulator } from '../../test/hetzner/emulator.ts'
import type { CloudSpec } from '../host-spec.ts'
import { type CloudAccess, CloudError } from './client.ts'
import { monthlyPrice } from './prices.ts'

const SPEC: CloudSpec = {
  ...{ serverType: 'cx23', location: 'fsn1', image: 'debian-13', volumeGb: 20 },
  ...{ placementGroup: null, domain: null },
}

let emulator: HetznerEmulator
let access: CloudAccess

test.before(async () => {
  emulator = await HetznerEmulator.start()
  access = { token: new Secret(emulator.token), endpoint: emulator.endpoint }
})
test.after.always(() => emulator?.close())

test.serial('a month has server, both addresses and each GB of the volume, exactly', async (t) => {
  t.deepEqual(await monthlyPrice(access, SPEC), {
    ...{ currency: 'EUR', net: '5.3700', gross: '6.3903', vatRate: '19.000000' },
    items: [
      { what: 'server cx23 at fsn1', net: '3.9900', gross: '4.7481' },
      { what: 'IPv4 address', net: '0.5000', gross: '0.5950' },
      { what: 'IPv6 address', net: '0.0000', gross: '0.0000' },
      { what: 'volume of 20 GB', net: '0.8800', gross: '1.0472' },
    ],
  })
  const { net, gross } = await monthlyPrice(access, { ...SPEC, serverType: 'ccx23', volumeGb: 10_240 })
  t.deepEqual({ net, gross }, { net: '476.0500', gross: '566.4995' })
})

test.serial('what has no price there is not quoted', async (t) => {
  const elsewhere = { ...SPEC, location: 'ash' }
  const error = await t.throwsAsync(monthlyPrice(access, elsewhere), { instanceOf: CloudError })
  t.is(error?.kind, 'refused')
  t.is(error?.message, 'Hetzner Cloud has no price for cx23 at ash: choose another location or server type.')
  for (const wrong of [{ serverType: 'cx99' }, { location: 'moon' }])
    await t.throwsAsync(monthlyPrice(access, { ...SPEC, ...wrong }), { message: /has no price for/ })
})

test.serial('without an answer there is no price', async (t) => {
  emulator.fail({ method: 'GET', path: /pricing/, with: { error: 'rate_limit_exceeded' } })
  const error = await t.throwsAsync(monthlyPrice(access, SPEC), { instanceOf: CloudError })
  t.is(error?.kind, 'rate-limit')
})

test.serial(
  'an IPv6 address that the list does not know costs nothing; an IPv4 address must be in it',
  async (t) => {
    const headers = { authorization: `Bearer ${emulator.token}` }
    const body = (await (await fetch(`${emulator.endpoint}/pricing`, { headers })).json()) as {
      pricing: { primary_ips: { type: string }[] }
    }
    const { pricing } = body
    const server = createServer((_, response) => void response.end(JSON.stringify(body))).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    t.teardown(() => server.close())
    const other = { ...access, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    pricing.primary_ips = pricing.primary_ips.filter(({ type }) => type === 'ipv4')
    t.is((await monthlyPrice(other, SPEC)).net, '5.3700')
    pricing.primary_ips = []
    await t.throwsAsync(monthlyPrice(other, SPEC), { message: /has no price for an IPv4 address at fsn1/ })
  },
)
