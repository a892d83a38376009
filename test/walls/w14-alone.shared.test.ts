import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Database } from '../../api/model/database.ts'
import { Operation } from '../../api/model/operation.ts'
import { script } from '../../provisioner/shell.ts'
import { splitClients } from '../../provisioner/tenants/pool-files.ts'
import { readStanding } from '../host/host-facts.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import type { Session } from '../host/session.ts'

type Response = Awaited<ReturnType<RunningService['service']['request']>>

let running: RunningService
let victim: Answer
const made: Answer[] = []

const request = (method: string, path: string, body?: unknown) => running.service.request(method, path, body)

test.before(async () => {
  running = await RunningService.shared()
  victim = await running.createApart('w14-neighbour')
})
test.after.always(async () => {
  if (victim) await running.delete(...made, victim)
  await running?.remove()
})

async function create(name: string): Promise<Answer> {
  const database = await running.create(name, { project: 'w14-neighbour' })
  made.push(database)
  return database
}

/** Sends these so that one pass serves all of them: the worker waits, having claimed another, until they are queued. */
async function inOnePass(
  requests: (() => Promise<Response>)[],
  meanwhile = async () => {},
): Promise<Response[]> {
  const em = running.service.orm.em.fork()
  const hold = await running.holdAt('claimed')
  const waker = request('PUT', `/databases/${victim.id}/allowlist`, { rules: running.rulesFor() })
  await hold.reached()
  const sent = requests.map((send) => send())
  while ((await em.count(Operation, { state: 'queued' })) < requests.length) await sleep(20)
  await meanwhile()
  hold.release()
  await waker
  return await Promise.all(sent)
}

/** A create that knows how long it took from when its pass could begin. */
function timedCreate(name: string): { send: () => Promise<Response>; took: () => number; begin: () => void } {
  let began = Date.now()
  let ended = began
  return {
    begin: () => {
      began = Date.now()
    },
    send: async () => {
      const response = await request('POST', '/databases', { name, project: 'w14-neighbour' })
      ended = Date.now()
      if (response.status === 201) made.push(response.body)
      return response
    },
    took: () => ended - began,
  }
}

/**
 * Runs a create in one pass with what should not disturb it, and compares it with one that has a pass to itself.
 * @param usual what the compared one has beside it
 */
async function undisturbed(
  t: ExecutionContext,
  name: string,
  others: (() => Promise<Response>)[],
  meanwhile = async () => {},
  usual: (() => Promise<Response>)[] = [],
): Promise<Response[]> {
  const alone = timedCreate(`${name}-alone`)
  await inOnePass([alone.send, ...usual], async () => alone.begin())
  const beside = timedCreate(`${name}-beside`)
  const [created, ...answers] = await inOnePass([beside.send, ...others], async () => {
    await meanwhile()
    beside.begin()
  })
  t.is(created?.status, 201)
  if (created) t.is(await running.login(created.body), 'in')
  t.log(`${beside.took()} ms beside it, ${alone.took()} ms alone`)
  t.true(beside.took() < 2 * alone.took() + 1500, `${beside.took()} ms, alone ${alone.took()} ms`)
  return answers
}

const openMany = (database: Answer, entry: string, count: number): Promise<Session[]> =>
  Promise.all(Array.from({ length: count }, () => running.connect(database, entry)))

test.serial(
  'W14 a database at its client limit and one whose connections are all held delay no other',
  async (t) => {
    const em = running.service.orm.em.fork()
    const [full, held] = [await create('full'), await create('held')]
    await em.nativeUpdate(Database, { id: full.id }, { clients: 10 })
    const own = running.rulesFor()
    const allow = (database: Answer, address: string) => (): Promise<Response> =>
      request('PUT', `/databases/${database.id}/allowlist`, { rules: [...own, { cidr: `${address}/32` }] })
    for (const database of [full, held]) t.is((await allow(database, '203.0.113.250')()).status, 200)
    const sessions: Session[] = []
    const fill = async (): Promise<void> => {
      const { pooled, session } = splitClients(10)
      sessions.push(
        ...(await openMany(full, full.database, pooled)),
        ...(await openMany(full, `${full.database}_session`, session)),
        ...(await openMany(held, held.database, 12)),
        ...(await openMany(held, `${held.database}_session`, 6)),
      )
      for (const { client } of sessions.slice(10)) await client.query('begin; select 1')
      for (const entry of [full.database, `${full.database}_session`]) {
        t.regex(await running.login(full, entry), /client connections exceeded/)
      }
    }
    // The same changes are made beside the create that it is compared with, while nobody uses the two.
    const changes = (address: string): (() => Promise<Response>)[] => [
      allow(full, address),
      allow(held, address),
    ]
    const neighbour = await Neighbour.watch(victim, running.service.ca)
    const answers = await undisturbed(t, 'limit', changes('203.0.113.252'), fill, changes('203.0.113.251'))
    t.deepEqual((await neighbour.stop()).errors, [])
    t.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    )
    const { hostRules } = await readStanding(running)
    for (const { database } of [full, held]) {
      const rules = hostRules.filter((rule) => rule.startsWith(`${database} `) && rule.includes('203.0.113.'))
      t.deepEqual(rules, [`${database} 203.0.113.252/32`])
    }
    const ended = sessions.flatMap((one, index) => (one.ended === undefined ? [] : `${index}: ${one.ended}`))
    t.deepEqual(ended, [])
    await Promise.all(sessions.map((one) => one.end()))
  },
)

test.serial('W14 a delete whose DROP was interrupted is carried out by the next attempt', async (t) => {
  const half = await running.create('half', { project: 'w14-neighbour' })
  const sql = `update pg_database set datconnlimit = -2 where datname = '${half.database}'`
  const words = 'for socket in /run/pgi/*; do psql -Xq -h "$socket" -U dbhost -d postgres -c "$1"; done'
  await running.service.connection.run(script('interrupt a DROP', words, sql))
  await t.notThrowsAsync(running.delete(half))
})

test.serial('W14 a poisoned row fails alone', async (t) => {
  const em = running.service.orm.em.fork()
  const poison = (): Promise<Response> =>
    request('POST', '/databases', { name: 'poisoned', project: 'w14-neighbour' })
  const [answer] = await undisturbed(t, 'poison', [poison], async () => {
    await em.nativeUpdate(Database, { name: 'poisoned' }, { verifier: '"\n' })
  })
  t.is(answer?.status, 502)
  t.regex(answer?.body.detail ?? '', /password verifier is not valid/)
  await em.nativeUpdate(Database, { name: 'poisoned' }, { deletedAt: new Date() })
})

test.serial('W14 an instance that cannot start fails alone', async (t) => {
  const em = running.service.orm.em.fork()
  const createIn = (project: string) => (): Promise<Response> =>
    request('POST', '/databases', { name: 'other', project })
  // Instances outlive their databases; this one must not stand yet.
  const [sound, broken] = ['w14-sound', 'w14-broken'].map((name) => `${name}-${Date.now().toString(36)}`) as [
    string,
    string,
  ]
  for (const name of [sound, broken]) await request('POST', '/projects', { name })
  const dropIn = (words: string, name: string): Promise<string> =>
    running.service.connection.run(script('drop-in', words, `/etc/systemd/system/pgi@${name}.service.d`))
  let instance = ''
  const breakInstance = async (): Promise<void> => {
    const where = { project: { name: broken }, deletedAt: null }
    const row = await em.findOneOrFail(Database, where, { populate: ['instance'] })
    instance = row.instance.name
    await dropIn(
      'mkdir -p "$1"; printf "[Service]\nExecStartPre=/bin/false\n" >"$1/zz-broken.conf"',
      instance,
    )
  }
  try {
    // The making of an instance is part of a pass; what counts is whether its failure costs the others more than that.
    const [answer] = await undisturbed(t, 'start', [createIn(broken)], breakInstance, [createIn(sound)])
    t.is(answer?.status, 502)
  } finally {
    if (instance !== '') await dropIn('rm -f "$1/zz-broken.conf"; systemctl daemon-reload', instance)
    for (const { id } of await em.find(Database, { name: 'other', deletedAt: null })) {
      t.is((await request('DELETE', `/databases/${id}`)).status, 204)
    }
  }
})
