import test from 'ava'
import { Operation } from '../../api/model/operation.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'

let running: RunningService
let shop: Answer

test.before(async () => {
  running = await RunningService.shared()
  shop = await running.create('lost')
})
test.after.always(() => running.remove())

/** Carries a request out and notes with which mark a worker had claimed its operation. */
async function claimedAs(request: () => Promise<unknown>): Promise<{ id: string; mark: string }> {
  const { reached, release } = await running.holdAt('claimed')
  const answer = request()
  await reached()
  const { em } = running.service.orm
  const found = await em.fork().findOneOrFail(Operation, { state: 'running', database: shop.id })
  release()
  await answer
  return { id: found.id, mark: found.claimedBy ?? '' }
}

/** As it stands when the worker's writes about it were lost with the control plane's database. */
async function lose({ id, mark }: { id: string; mark: string }): Promise<void> {
  const startedAt = new Date(Date.now() - 30_000)
  await running.service.orm.em
    .fork()
    .nativeUpdate(Operation, { id }, { state: 'running', claimedBy: mark, startedAt, finishedAt: null })
}

const ended = ({ id }: { id: string }): Promise<void> =>
  until(
    'the end of the operation',
    async () => {
      const { state } = await running.service.orm.em.fork().findOneOrFail(Operation, { id })
      return state === 'succeeded' || state
    },
    60,
  )

test.serial('an operation that its pass lost is carried out by the next', async (t) => {
  const rules = running.rulesFor('203.0.113.9')
  const lost = await claimedAs(() =>
    running.service.request('PUT', `/databases/${shop.id}/allowlist`, { rules }),
  )
  t.not(lost.mark, '')
  await lose(lost)
  await t.notThrowsAsync(ended(lost))
})

test.serial('a deletion that its pass lost after the database was gone ends well', async (t) => {
  const lost = await claimedAs(() => running.delete(shop))
  await lose(lost)
  await t.notThrowsAsync(ended(lost))
})
