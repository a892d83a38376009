import { AppError } from '../../../common/errors.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'
import { ownThings } from '../../../hosts/hcloud/own-things.ts'
import type { Host } from '../../model/host.ts'

/** What a host cannot lose without losing its data or its addresses. */
const NEEDED = { servers: 1, volumes: 1, primary_ips: 2 } as const

/** @throws STACK_ERROR where the project of the token does not hold what was bought for this host */
export async function refuseMissing(access: CloudAccess, { id, name }: Host): Promise<void> {
  const things = await ownThings(access, id)
  const missing = Object.entries(NEEDED)
    .filter(([kind, count]) => things.filter((thing) => thing.kind === kind).length < count)
    .map(([kind]) => kind.replace('_', ' '))
  if (missing.length === 0) return
  throw new AppError(
    'STACK_ERROR',
    things.length === 0
      ? `The Hetzner Cloud project of this token holds nothing of ${name}: start the worker with a token of the project in which it was bought.`
      : `At Hetzner Cloud ${name} lacks ${missing.join(' and ')}, which somebody has deleted there. It is not bought again by itself: npm run stack -- up --stack ${name} makes it anew, or delete the host.`,
  )
}
