import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { ApiKey } from '../../api/model/api-key.ts'
import { Database } from '../../api/model/database.ts'
import { Operation } from '../../api/model/operation.ts'
import { createApiKey } from '../../api/services/accounts.ts'
import type { Secret } from '../../common/secret.ts'
import { readStanding, type Standing } from '../host/host-facts.ts'
import { Neighbour } from '../host/neighbour.ts'
import { notYetBuilt } from '../host/not-built.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { type AnswerBody, send } from '../send.ts'

let running: RunningService
let kept: Answer
let bystander: Answer
let neighbour: Neighbour

test.before(async () => {
  running = await RunningService.shared()
  kept = await running.create('w12-kept')
  const session = await running.connect(kept)
  await session.client.query('create table kept as select 42 as n')
  await session.end()
  bystander = await running.createApart('w12-neighbour')
  neighbour = await Neighbour.watch(bystander, running.service.ca)
})
test.after.always(async () => {
  await neighbour?.stop()
  const rows = await running?.service.orm.em.fork().find(Database, { name: /^w12-/, deletedAt: null })
  await running?.delete(...((rows ?? []) as unknown as Answer[]))
  await running?.remove()
})

const em = () => running.service.orm.em.fork()

/** A key of the account that this test may take away. */
async function newKey(): Promise<{
  key: Secret
  revoke: () => Promise<unknown>
  expire: () => Promise<unknown>
}> {
  const { account } = await em().findOneOrFail(ApiKey, { label: 'npm start' })
  const { key, apiKey } = await createApiKey(running.service.orm.em, account.id, 'w12')
  const set = (change: Partial<ApiKey>) => em().nativeUpdate(ApiKey, { id: apiKey.id }, change)
  return {
    key,
    revoke: () => set({ revokedAt: new Date() }),
    expire: () => set({ expiresAt: new Date(Date.now() - 1) }),
  }
}

async function noOpenOperations(): Promise<void> {
  const open = { state: { $in: ['queued', 'running'] as ('queued' | 'running')[] } }
  while ((await em().count(Operation, open)) > 0) await sleep(50)
}

/** The pass puts back what it had shut; the status says when that is in force. */
async function active(database: Answer): Promise<string> {
  for (let look = 0; ; look++) {
    const { body } = await running.service.request('GET', `/databases/${database.id}`)
    const { status } = body as unknown as AnswerBody
    if (status === 'active' || look === 100) return status
    await sleep(100)
  }
}

/** What the host has of one database. */
async function standingOf(name: string): Promise<Standing> {
  const parts = Object.entries(await readStanding(running)).map(([part, lines]: [string, string[]]) => {
    return [part, lines.filter((line) => line.includes(name))]
  })
  return Object.fromEntries(parts)
}

async function contentOf(database: Answer): Promise<unknown> {
  const session = await running.connect(database)
  try {
    return (await session.client.query('select n from kept')).rows
  } finally {
    await session.end()
  }
}

const send60 = (key: Secret, method: string, path: string, body?: unknown) => {
  const { apiUrl } = running.clone.facts
  return send(`${apiUrl}/api/v1${path}`, method, { key, body, headers: { prefer: 'wait=60' } })
}

/** Holds the worker at a point, lets the key lose its right, lets the worker go on. */
async function takenAway(
  checkpoint: string,
  way: 'revoke' | 'expire',
  method: string,
  path: string,
  body?: unknown,
): Promise<AnswerBody> {
  await noOpenOperations()
  const { key, ...ways } = await newKey()
  const hold = await running.holdAt(checkpoint)
  const answer = send60(key, method, path, body)
  await hold.reached()
  await ways[way]()
  hold.release()
  const { body: problem } = await answer
  await noOpenOperations()
  return problem
}

// Before the irreversible step of each kind: after the claim, and after the door was closed.
const POINTS: [kind: string, checkpoint: string, way: 'revoke' | 'expire'][] = [
  ['delete', 'claimed', 'revoke'],
  ['delete', 'claimed', 'expire'],
  ['delete', 'delete-database:close', 'revoke'],
  ['reset', 'claimed', 'revoke'],
  ['reset', 'reset-password:close', 'revoke'],
  ['allowlist', 'claimed', 'revoke'],
]

for (const [kind, checkpoint, way] of POINTS) {
  test.serial(
    `W12 a ${kind} whose key was taken away (${way}) at ${checkpoint} destroys nothing`,
    async (t) => {
      const before = await standingOf(kept.database)
      const path = `/databases/${kept.id}`
      const requests: Record<string, [string, string, unknown?]> = {
        delete: ['DELETE', path],
        reset: ['POST', `${path}/reset-password`, {}],
        allowlist: ['PUT', `${path}/allowlist`, { rules: [] }],
      }
      const [method = '', address = '', body] = requests[kind] ?? []
      const problem = await takenAway(checkpoint, way, method, address, body)
      t.is(problem.code, 'AUTHORIZATION_REVOKED', JSON.stringify(problem))
      t.is(await active(kept), 'active')
      t.deepEqual(await standingOf(kept.database), before)
      t.deepEqual(await contentOf(kept), [{ n: 42 }], 'with the password that it had')
      t.is(await running.login(kept, `${kept.database}_session`), 'in')
    },
  )
}

/** A pass that had begun for another database carries out what the rows want: of this one as well. */
async function takenAwayDuringAnotherPass(method: string, path: string): Promise<AnswerBody> {
  await noOpenOperations()
  const { key, revoke } = await newKey()
  const hold = await running.holdAt('claimed')
  const rules = running.rulesFor()
  const other = running.service.request('PUT', `/databases/${bystander.id}/allowlist`, { rules })
  await hold.reached()
  const answer = send60(key, method, path)
  while ((await em().count(Operation, { state: 'queued' })) === 0) await sleep(20)
  await revoke()
  hold.release()
  await other
  const { body } = await answer
  await noOpenOperations()
  return body
}

for (const [method, action] of [
  ['DELETE', ''],
  ['POST', '/reset-password'],
] as const) {
  test.serial(
    `W12 another operation's pass does not carry out a ${method}${action} whose key is gone`,
    async (t) => {
      const problem = await takenAwayDuringAnotherPass(method, `/databases/${kept.id}${action}`)
      t.is(problem.code, 'AUTHORIZATION_REVOKED', JSON.stringify(problem))
      t.is(await active(kept), 'active')
      t.deepEqual(await contentOf(kept), [{ n: 42 }], 'with the password that it had')
    },
  )
}

test.serial('W12 a create whose key was revoked before it was carried out leaves nothing', async (t) => {
  const problem = await takenAway('claimed', 'revoke', 'POST', '/databases', { name: 'w12-stale' })
  t.is(problem.code, 'AUTHORIZATION_REVOKED')
  // The answer comes before the pass has ended.
  while ((await em().count(Database, { name: 'w12-stale', deletedAt: null })) > 0) await sleep(50)
  t.deepEqual(Object.values(await standingOf('w12_stale')).flat(), [])
})

test.serial('W12 a neighbour noticed nothing of all this', async (t) => {
  const { errors, commits, logins } = await neighbour.stop()
  t.deepEqual(errors, [])
  t.true(commits > 0 && logins > 0)
})

notYetBuilt('W12', [
  'an account that was suspended between request and claim',
  'a member who was demoted or removed between request and claim',
])
