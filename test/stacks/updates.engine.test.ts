import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { engineFile } from '../../start/stacks.ts'
import { converge } from '../host/converge.ts'
import type { Answer } from '../host/service.ts'
import { ManagedService } from './managed.ts'

let managed: ManagedService
let shop: Answer

test.before(async () => {
  managed = await ManagedService.shared()
  shop = await managed.running.create('updated')
  await managed.settled()
})
test.after.always(async () => {
  if (shop) await managed.running.delete(shop)
  await managed.running.remove()
})

const list = (...addresses: string[]) =>
  managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, {
    rules: managed.running.rulesFor(...addresses),
  })
const allowed = (): Promise<string> => managed.inside('nft list set inet dbhost pg_allow4')

test.serial('what leaves the edge as it is runs no update', async (t) => {
  const before = (await managed.updates()).length
  const { body } = await managed.running.service.request('POST', `/databases/${shop.id}/reset-password`)
  shop = { ...shop, password: body.password }
  await sleep(1_500)
  t.is((await managed.updates()).length, before)
})

test.serial('a converge compares the edge through the stack, and mends it there', async (t) => {
  await managed.inside(`printf ' ' >>/etc/caddy/Caddyfile`)
  t.regex(await converge(managed.running), /configure: 0 changes/)
  const { lastRun } = await managed.settled()
  t.is(lastRun.command, 'update')
  t.true(lastRun.changes > 0)
  t.regex(await converge(managed.running), /configure: 0 changes/)
  t.is((await managed.settled()).lastRun.changes, 0, 'a second update has nothing to change')
  t.regex(
    (await managed.running.clone.run('plan', managed.running.service.host.name)).output,
    /^0 changes on /m,
  )
})

test.serial(
  'twenty changes of allowlists in one second cause at most two updates, and all are in force',
  async (t) => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => managed.running.create(`many-${index}`, { allowlist: [] })),
    )
    await managed.settled()
    const before = (await managed.updates()).length
    const answers = await Promise.all(
      made.map(({ id }, index) =>
        managed.running.service.request('PUT', `/databases/${id}/allowlist`, {
          rules: [{ cidr: `203.0.113.${index + 1}` }],
        }),
      ),
    )
    t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    const set = await allowed()
    for (let index = 1; index <= 20; index++)
      t.true(set.includes(`203.0.113.${index}`) || /203\.0\.113\.\d+-/.test(set))
    await managed.settled()
    const updates = (await managed.updates()).length - before
    t.true(updates >= 1 && updates <= 2, `${updates} updates`)
    t.is((await managed.pulumi('preview', '--expect-no-changes')).code, 0)
    await managed.running.delete(...made)
    await managed.settled()
  },
)

test.serial('a rule that is taken away while the engine hangs ends its sessions at once', async (t) => {
  const file = engineFile(managed.running.service.installation)
  const engine = readFileSync(file, 'utf8')
  const bin = join(managed.running.clone.stateDir, 'hanging')
  mkdirSync(bin)
  writeFileSync(join(bin, 'pulumi'), '#!/bin/sh\nexec sleep 600\n')
  chmodSync(join(bin, 'pulumi'), 0o755)
  writeFileSync(file, JSON.stringify({ ...managed.engine, bin }))
  try {
    t.is((await list('203.0.113.90')).status, 200)
    await sleep(1_500)
    const session = await managed.running.connect(shop)
    const began = Date.now()
    const { status } = await managed.running.service.request('PUT', `/databases/${shop.id}/allowlist`, {
      rules: [{ cidr: '203.0.113.90' }],
    })
    t.is(status, 200)
    t.true(Date.now() - began < 5_000, `${Date.now() - began} ms`)
    t.false(await session.alive())
    t.notRegex(await managed.running.login(shop), /^in$/)
    const [update] = await managed.updates()
    t.true(['running', 'queued'].includes(update?.state ?? ''), 'the engine hangs all the while')
  } finally {
    writeFileSync(file, engine)
    managed.kill('runner.ts')
  }
  await managed.settled()
  t.is((await managed.pulumi('preview', '--expect-no-changes')).code, 0)
})
