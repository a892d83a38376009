import { createHash } from 'node:crypto'
import type { Context } from 'koa'
import { AppError } from '../../common/errors.ts'
import type { Actor } from '../services/context.ts'
import { findRecord, type IdempotencyClaim, limitRecords } from '../services/idempotency.ts'
import type { RouteContext } from './route.ts'

/** The same text for the same value, whatever the order of its members. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}

function claimOf(ctx: Context, actor: Actor, body: unknown): IdempotencyClaim | undefined {
  const key = ctx.get('Idempotency-Key')
  if (key === '' || actor.credentialId === null) return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters'
    throw new AppError('VALIDATION_ERROR', `Idempotency-Key ${message}.`, {
      fields: [{ field: 'Idempotency-Key', message }],
    })
  }
  const bodyHash = createHash('sha256').update(canonical(body)).digest('hex')
  return { credentialId: actor.credentialId, route: `${ctx.method} ${ctx.path}`, key, bodyHash }
}

/**
 * Does what a POST asks for once, however often it is sent with the same Idempotency-Key.
 * @param act does it and keeps the claim in its transaction
 * @param replay gives the outcome of the first time from the id that was kept
 */
export async function idempotent<Outcome>(
  { em }: RouteContext,
  { ctx, actor, body }: { ctx: Context; actor: Actor; body: unknown },
  act: (claim: IdempotencyClaim | undefined) => Promise<Outcome>,
  replay: (result: string) => Promise<Outcome>,
): Promise<Outcome> {
  const claim = claimOf(ctx, actor, body)
  if (!claim) return await act(undefined)
  const again = async (result: string): Promise<Outcome> => {
    ctx.set('Idempotency-Replayed', 'true')
    return await replay(result)
  }
  const kept = await findRecord(em, claim)
  if (kept !== undefined) return await again(kept)
  await limitRecords(em, claim, actor.accountId)
  try {
    return await act(claim)
  } catch (error) {
    // Whatever it failed of: where a twin of this request was faster, that one's outcome is the answer. Its row locks
    // made this one wait until it had committed.
    const twins = await findRecord(em, claim)
    if (twins === undefined) throw error
    return await again(twins)
  }
}
