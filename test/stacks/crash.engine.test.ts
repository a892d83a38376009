import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { Answer } from '../host/service.ts'
import { ManagedService } from './managed.ts'

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

for (const checkpoint of ['stack:claimed', 'stack:ran']) {
  test.serial(
    `a worker that is killed at ${checkpoint} leaves an update that the next one ends`,
    async (t) => {
      managed.running.dieAt(checkpoint)
      const address = await change()
      t.true(await managed.running.died(checkpoint))
      await managed.settled()
      const { output, code } = await managed.pulumi('preview', '--expect-no-changes')
      t.is(code, 0, output)
      t.regex(
        await managed.inside('nft list set inet dbhost pg_allow4'),
        new RegExp(address.replaceAll('.', '\\.')),
      )
    },
  )
}

for (const victim of ['bin/pulumi', 'provider/', 'runner.ts']) {
  for (const pause of [0, 700, 1_500]) {
    test.serial(`kill -9 of ${victim} ${pause} ms after it was seen`, async (t) => {
      await change()
      let killed = 0
      for (let look = 0; look < 600 && killed === 0; look++) {
        await sleep(10)
        if (managed.count(victim) === 0) continue
        await sleep(pause)
        killed = managed.kill(victim)
      }
      t.true(killed > 0, 'it was there to be killed')
      await managed.settled()
      const [update] = await managed.updates()
      t.is(update?.state, 'succeeded')
      const { output, code } = await managed.pulumi('preview', '--expect-no-changes')
      t.is(code, 0, output)
      t.regex(output, /3 unchanged/)
      t.is(managed.count('pulumi'), 0, 'nothing of the run is left')
    })
  }
}
