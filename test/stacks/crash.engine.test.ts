import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'
import { SeededRandom, seedOfTest } from '../random.ts'
import { ManagedService } from './managed.ts'

/** What a run consists of, as their command lines show it: engine, our provider, the process that started them. */
const RUN = ['pulumi up', 'provider/', 'runner.ts']

const seed = seedOfTest()
const random = new SeededRandom(seed)

let managed: ManagedService
let shop: Answer
let rule = 0

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('crashed')
  await managed.settled()
})
test.after.always(async () => {
  if (shop) await managed.running.delete(shop)
  await managed.running.remove()
})

/** Asks for a rule that no update has recorded yet. */
async function change(): Promise<string> {
  rule += 1
  const address = `203.0.113.${100 + rule}`
  const { status } = await managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, {
    rules: managed.running.rulesFor(address),
  })
  if (status !== 200) throw new Error(`PUT answered ${status}`)
  return address
}

/** The stack is as wanted, and nothing of a run is left. */
async function assertWhole(t: ExecutionContext): Promise<void> {
  await managed.settled()
  const [update] = await managed.updates()
  t.is(update?.state, 'succeeded')
  const { output, code } = await managed.pulumi('preview', '--expect-no-changes')
  t.is(code, 0, output)
  t.regex(output, /4 unchanged/)
  // What is left of a killed run stays; another run, of what was noticed meanwhile, ends.
  await until(
    'the end of every process of a run',
    async () => {
      const left = managed.processes().map(({ argv }) => argv.join(' '))
      return RUN.every((part) => managed.count(part) === 0) || left.join('\n')
    },
    30,
  )
}

for (const checkpoint of ['stack:claimed', 'stack:ran']) {
  test.serial(
    `a worker that is killed at ${checkpoint} leaves an update that the next one ends`,
    async (t) => {
      managed.running.dieAt(checkpoint)
      const address = await change()
      await until('the death of the worker', () => managed.running.died(checkpoint), 60)
      await assertWhole(t)
      t.true((await managed.inside('nft list set inet dbhost pg_allow4')).includes(address))
    },
  )
}

for (const victim of RUN) {
  const pause = random.between(0, 700)
  test.serial(`kill -9 of ${victim} ${pause} ms after it was seen (seed ${seed})`, async (t) => {
    await change()
    await until('a run', async () => managed.count(victim) > 0, 60)
    await sleep(pause)
    t.true(managed.kill(victim) > 0, 'it was there to be killed')
    await assertWhole(t)
  })
}
