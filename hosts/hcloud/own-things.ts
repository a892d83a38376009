import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { act, type CloudAccess, CloudError, list, remove } from './client.ts'
import { ownQuery } from './machine.ts'

/** In the order in which they can go. */
const KINDS = ['servers', 'volumes', 'primary_ips', 'firewalls', 'ssh_keys'] as const

/** Something that was bought for a host, or stands there without a price. */
export interface OwnThing {
  kind: (typeof KINDS)[number]
  id: number
  name: string
  protected: boolean
}

const thing = z.object({
  id: z.number(),
  name: z.string(),
  protection: z.object({ delete: z.boolean() }).optional(),
})

/** Everything with the label of this host, of these kinds. */
export async function ownThings(
  access: CloudAccess,
  hostId: string,
  kinds: readonly OwnThing['kind'][] = KINDS,
): Promise<OwnThing[]> {
  const query = ownQuery(hostId)
  const all = await Promise.all(
    kinds.map(async (kind) =>
      (await list(access, kind, thing, { query })).map(({ protection, ...rest }) => ({
        ...{ kind, ...rest },
        protected: protection?.delete ?? false,
      })),
    ),
  )
  return all.flat()
}

const ROUNDS = 20
const PAUSE_MS = 1_500

/** Deletes everything with the label of this host that is not protected. @returns what is still there */
export async function removeThings(access: CloudAccess, hostId: string): Promise<OwnThing[]> {
  for (let round = 1; ; round += 1) {
    const left = await ownThings(access, hostId)
    const open = left.filter((one) => !one.protected)
    if (open.length === 0 || round === ROUNDS) return left
    for (const { kind, id } of open) {
      // What a server still uses goes in a later round.
      await remove(access, `/${kind}/${id}`).catch((error: unknown) => {
        if (!(error instanceof CloudError) || error.kind !== 'refused') throw error
      })
    }
    await sleep(round === 1 ? 0 : PAUSE_MS)
  }
}

/** Switches the machine of a host on where it is off. @returns whether it was, and the size of its volume in GB */
export async function powerOn(
  access: CloudAccess,
  hostId: string,
): Promise<{ switchedOn: boolean; volumeGb: number }> {
  const query = ownQuery(hostId)
  const [servers, volumes] = await Promise.all([
    list(access, 'servers', z.object({ id: z.number(), status: z.string() }), { query }),
    list(access, 'volumes', z.object({ size: z.number() }), { query }),
  ])
  const off = servers.filter(({ status }) => status === 'off')
  for (const { id } of off) await act(access, `/servers/${id}/actions/poweron`)
  return { switchedOn: off.length > 0, volumeGb: Math.max(0, ...volumes.map(({ size }) => size)) }
}
