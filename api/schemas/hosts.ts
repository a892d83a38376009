import { z } from 'zod'
import type { Host } from '../model/host.ts'

/** Who works on the stack by hand: `user@computer`. */
export const byHand = z
  .string()
  .max(200)
  .regex(/^[\w.@ -]+$/, 'must be letters, digits and . @ - _')
  .optional()

export const documentQuery = z.strictObject({ by: byHand })

/** Seen within this time a host counts as known, in milliseconds: the reconcile looks every 10 minutes. */
const FRESH_MS = 30 * 60_000

/** Never green by default: a host that did not answer, or was not asked for long, is unknown. */
function statusOf(host: Host): 'preparing' | 'ready' | 'failed' | 'unknown' | 'leaving' {
  if (host.givenBackAt) return 'leaving'
  if (host.observation === 'never') return 'preparing'
  if (host.observation === 'unreachable') return 'unknown'
  if (!host.observedAt || Date.now() - host.observedAt.getTime() > FRESH_MS) return 'unknown'
  return host.observation
}

/**
 * Which package of which version is outdated is for operators: to others on the host it would be a list of what to
 * attack. How much is outdated concerns whoever has data there.
 */
function presentUpdates({ spec, updates }: Host, operator: boolean) {
  const { window } = spec.updates
  if (!updates) return { window, checkedAt: null }
  const { checkedAt, listsAt, pending, rebootRequired, restartsPending } = updates
  const security = pending.filter((update) => update.security)
  return {
    ...{ window, checkedAt, listsAt, rebootRequired },
    counts: { pending: pending.length, security: security.length, restarts: restartsPending.length },
    ...(operator ? { pending, restartsPending } : {}),
  }
}

const presentStack = ({ stack }: Host) =>
  stack ? { adoptedAt: stack.adoptedAt, lastRun: stack.lastRun, byHand: stack.byHand } : null

/** What is bought for it. */
function presentCloud({ cloud }: Host) {
  if (!cloud) return null
  const { serverType, location, volumeGb, placementGroup, domain } = cloud
  return { provider: 'hetzner', serverType, location, volumeGb, placementGroup, domain }
}

/** @param operator whether to tell how the control plane reaches the host, and what went wrong there */
export function presentHost(host: Host, operator: boolean, publicOrigin: string) {
  const { spec } = host
  return {
    id: host.id,
    name: host.name,
    kind: spec.kind,
    tenancy: spec.tenancy,
    status: statusOf(host),
    lastSeenAt: host.observedAt?.toISOString() ?? null,
    addresses: spec.addresses,
    port: spec.ports.pooler,
    caUrl: `${publicOrigin}/api/v1/hosts/${host.id}/ca.pem`,
    createdAt: host.createdAt.toISOString(),
    updates: presentUpdates(host, operator),
    engine: host.stack || host.cloud ? 'pulumi' : 'direct',
    ...(operator
      ? {
          ssh: host.ssh ?? null,
          detail: host.observationDetail ?? null,
          stack: presentStack(host),
          cloud: presentCloud(host),
        }
      : {}),
  }
}
