import { z } from 'zod'
import { ApiError } from './errors.ts'
import { id } from './fields.ts'
import { selecting } from './labels.ts'
import type { FirewallRecord, FirewallTarget, ServerRecord } from './records.ts'
import type { Store } from './store.ts'

/** What a firewall reports of a selector comes back in a removal as it was. */
const reported = z.array(z.strictObject({ type: z.literal('server'), server: z.strictObject({ id }) }))

export const target = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('server'), server: z.strictObject({ id }) }),
  z.strictObject({
    type: z.literal('label_selector'),
    label_selector: z.strictObject({ selector: z.string().min(1) }),
    applied_to_resources: reported.optional(),
  }),
])

const isSame = (a: FirewallTarget, b: FirewallTarget): boolean =>
  a.type === 'server'
    ? b.type === 'server' && a.server.id === b.server.id
    : b.type === 'label_selector' && a.label_selector.selector === b.label_selector.selector

const covers = (one: FirewallTarget, server: ServerRecord): boolean =>
  one.type === 'server' ? one.server.id === server.id : selecting(one.label_selector.selector)(server.labels)

export const firewallsOf = (store: Store, server: ServerRecord): FirewallRecord[] =>
  store.firewalls.all().filter(({ targets }) => targets.some((one) => covers(one, server)))

const hasPublicNet = (store: Store, server: number): boolean =>
  store.primaryIps.all().some(({ assignee }) => assignee === server)

const notFound = (server: number, status: number): ApiError =>
  new ApiError('firewall_resource_not_found', `server ${server} not found`, { status })

/** Throws unless the firewall can be applied to all of them. */
export function refuseApplying(
  store: Store,
  current: FirewallTarget[],
  added: FirewallTarget[],
  statusOfMissing: number,
): void {
  for (const [index, one] of added.entries()) {
    if (added.slice(0, index).some((other) => isSame(one, other))) {
      throw new ApiError('server_already_added', 'a resource is named twice')
    }
    if (current.some((other) => isSame(one, other))) {
      throw new ApiError('firewall_already_applied', 'the firewall is applied to the resource already')
    }
    if (one.type === 'label_selector') {
      selecting(one.label_selector.selector, 'label_selector.selector')({})
      continue
    }
    if (!store.servers.get(one.server.id)) throw notFound(one.server.id, statusOfMissing)
    if (!hasPublicNet(store, one.server.id)) {
      throw new ApiError('private_net_only_server', `server ${one.server.id} has no public network`)
    }
  }
}

/** The targets that are left. Throws when one of them is none. */
export function without(store: Store, firewall: FirewallRecord, removed: FirewallTarget[]): FirewallTarget[] {
  for (const one of removed) {
    if (firewall.targets.some((other) => isSame(one, other))) continue
    const server = one.type === 'server' ? store.servers.get(one.server.id) : undefined
    if (server && firewall.targets.some((other) => covers(other, server))) {
      const message = `server ${server.name} has the firewall by a label selector`
      throw new ApiError('firewall_managed_by_label_selector', message)
    }
    throw new ApiError('firewall_resource_not_found', 'the firewall is not applied to the resource')
  }
  return firewall.targets.filter((one) => !removed.some((other) => isSame(one, other)))
}

export const targetView = (store: Store, one: FirewallTarget): object =>
  one.type === 'server'
    ? one
    : {
        ...one,
        applied_to_resources: store.servers
          .all()
          .filter((server) => covers(one, server))
          .map(({ id }) => ({ type: 'server', server: { id } })),
      }
