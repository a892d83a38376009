import { BlockList } from 'node:net'
import type { z } from 'zod'
import type { Action } from './actions.ts'
import { invalid } from './errors.ts'
import type { pointer } from './fields.ts'
import type { PrimaryIpRecord } from './records.ts'
import { resourceOf, type World } from './world.ts'

/** What an IPv4 address points to before anybody says otherwise; an IPv6 address points to nothing. */
const defaultOf = (address: string): string =>
  `static.${address.split('.').toReversed().join('.')}.clients.your-server.de`

export const defaultPointers = (type: PrimaryIpRecord['type'], ip: string): Map<string, string> =>
  type === 'ipv4' ? new Map([[ip, defaultOf(ip)]]) : new Map()

export const pointersView = ({ pointers }: PrimaryIpRecord): object[] =>
  Array.from(pointers, ([ip, dns_ptr]) => ({ ip, dns_ptr }))

function holds({ type, ip }: PrimaryIpRecord, address: string): boolean {
  if (type === 'ipv4') return ip === address
  const [network = '', prefix] = ip.split('/')
  const list = new BlockList()
  list.addSubnet(network, Number(prefix), 'ipv6')
  return address.includes(':') && list.check(address, 'ipv6')
}

/** Lets an address of one of these point elsewhere. */
export function changePointer(
  { actions, store }: World,
  rows: PrimaryIpRecord[],
  { ip, dns_ptr }: z.infer<typeof pointer>,
  of?: { id: number; type: string },
): Action {
  const row = rows.find((one) => holds(one, ip))
  if (!row) throw invalid('ip', 'does not belong to the resource')
  const work = (): void => {
    const to = dns_ptr ?? (row.type === 'ipv4' ? defaultOf(ip) : undefined)
    if (to === undefined) row.pointers.delete(ip)
    else row.pointers.set(ip, to)
  }
  const resources = [of ?? resourceOf(store.primaryIps, row)]
  return actions.run({ command: 'change_dns_ptr', resources, work })
}
