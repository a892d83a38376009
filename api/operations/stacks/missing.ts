import { AppError } from '../../../common/errors.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'
import { ownThings } from '../../../hosts/hcloud/own-things.ts'
import type { Host } from '../../model/host.ts'

/** What a host cannot lose without losing its data or its addresses. */
const NEEDED = [
  { kind: 'servers', count: 1 },
  { kind: 'volumes', count: 1 },
  { kind: 'primary_ips', count: 2 },
] as const

/** @throws STACK_ERROR where the project of the token does not hold what was bought for this host */
export async function refuseMissing(access: CloudAccess, { id, name }: Host): Promise<void> {
  const kinds = NEEDED.map(({ kind }) => kind)
  const things = await ownThings(access, id, kinds)
  const missing = NEEDED.filter(
    ({ kind, count }) => things.filter((thing) => thing.kind === kind).length < count,
  )
  if (missing.length === 0) return
  if (things.length === 0 && (await ownThings(access, id)).length === 0) throw nothingThere(name)
  const lacks = missing.map(({ kind }) => kind.replace('_', ' ')).join(' and ')
  throw new AppError(
    'STACK_ERROR',
    `At Hetzner Cloud ${name} lacks ${lacks}, which somebody has deleted there. It is not bought again by itself: npm run stack -- up --stack ${name} makes it anew, or delete the host.`,
  )
}

/** A token of another project would find nothing either, and buy or forget what is there all the same. */
export const nothingThere = (name: string): AppError =>
  new AppError(
    'STACK_ERROR',
    `The Hetzner Cloud project of this token holds nothing of ${name}: start the worker with a token of the project in which it was bought. Where all of it was deleted there by hand, npm run admin -- host remove ${name} --forget takes the host out.`,
  )
