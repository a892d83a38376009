import test from 'ava'
import { parseTenantFacts, type TenantFacts } from './facts.ts'
import { CLEANUP_CONNECTIONS, DATABASE_CONNECTIONS, ROLE_CONNECTIONS } from './limits.ts'
import { planTenants, type TenantPlan } from './plan.ts'
import { renderPoolFiles } from './pool-files.ts'
import type { DatabaseWanted, TenantsWanted } from './wanted.ts'

const INSTANCE = 'iaaaaaaaaaa'
const SIZE = 1024 ** 3
const VERIFIER = 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy'
const NOTHING = { passwords: new Set<string>(), rules: new Set<string>() }

const database = (name: string, state: DatabaseWanted['state'] = 'open'): DatabaseWanted => ({
  ...{ name, instance: INSTANCE, state, verifier: VERIFIER, rules: ['203.0.113.7/32'], clients: 50 },
})

const wantedOf = (storageBytes: number, ...databases: DatabaseWanted[]): TenantsWanted => ({
  instances: [{ name: INSTANCE, storageBytes, memoryBytes: 1e9, maxConnections: 300 }],
  databases,
})

/** @param limits connection limit by database */
function facts(
  storage: string,
  limits: Record<string, number>,
  state = 'active',
  ...more: string[]
): TenantFacts {
  const lines = [
    ...['pool 0-1 0-1 0 active', 'allow 0', `instance ${INSTANCE} ${state}`],
    ...Object.entries(limits).flatMap(([name, limit]) => [
      `database ${INSTANCE} ${name} ${limit} t t ${name}=CONNECT,${name}=CREATE,${name}=TEMPORARY`,
      `role ${INSTANCE} ${name} ${ROLE_CONNECTIONS} l ${VERIFIER} f`,
    ]),
    ...[`storage ${INSTANCE} ${storage}`, ...more],
  ]
  return parseTenantFacts(lines.join('\n'), new Map([[INSTANCE, 'all']]))
}

const plan = (wanted: TenantsWanted, seen: TenantFacts): TenantPlan => planTenants(wanted, seen, NOTHING)

test('W1 converge leaves closed what the watchdog closed, and in clean-up what is in clean-up', (t) => {
  const seen = facts(
    `image 1000000000 ${SIZE} full`,
    { shop_a1b2c3: 0, blog_a1b2c3: CLEANUP_CONNECTIONS },
    'active',
    `cleanup ${INSTANCE} blog_a1b2c3 4102444800`,
  )
  const { ensure, storage } = plan(wantedOf(SIZE, database('shop_a1b2c3'), database('blog_a1b2c3')), seen)
  t.deepEqual(ensure, [])
  t.is(storage.impossible.size, 0)
  t.deepEqual(seen.storage.get(INSTANCE)?.cleanups.get('blog_a1b2c3'), new Date('2100-01-01T00:00:00Z'))
})

test('a database that is closed in an instance with room is opened', (t) => {
  const seen = facts(`image 100000000 ${SIZE} ok`, { shop_a1b2c3: 0, blog_a1b2c3: DATABASE_CONNECTIONS })
  const { ensure, reasons } = plan(wantedOf(SIZE, database('shop_a1b2c3'), database('blog_a1b2c3')), seen)
  t.deepEqual(
    ensure.map(({ name }) => name),
    ['shop_a1b2c3'],
  )
  t.true(reasons.includes('shop_a1b2c3: connection limit is 0'))
})

test('an image that is smaller than wanted grows; a folder and a larger image do not', (t) => {
  const limits = { shop_a1b2c3: DATABASE_CONNECTIONS }
  const grown = (storage: string, bytes: number): string[] =>
    plan(wantedOf(bytes, database('shop_a1b2c3')), facts(storage, limits)).storage.grow.map(
      ({ name }) => name,
    )
  t.deepEqual(grown(`image 100000000 ${SIZE} ok`, 2 * SIZE), [INSTANCE])
  t.deepEqual(grown(`image 100000000 ${SIZE} ok`, SIZE), [])
  t.deepEqual(grown(`image 100000000 ${SIZE} ok`, SIZE / 2), [])
  t.deepEqual(grown(`directory 100000000 ${SIZE} ok`, 2 * SIZE), [])
  t.deepEqual(grown(`volume 100000000 ${SIZE} ok`, 2 * SIZE), [])
})

test('an instance that nobody wants a database of and that holds none is removed, and not made', (t) => {
  const { instances, storage } = plan(wantedOf(SIZE), facts(`image 100000000 ${SIZE} ok`, {}))
  t.deepEqual(storage.remove, [INSTANCE])
  t.deepEqual(instances, [])
})

test('an instance stays while a row wants a database, or while it holds one that no row knows', (t) => {
  const storage = `image 100000000 ${SIZE} ok`
  for (const [wanted, limits] of [
    [wantedOf(SIZE, database('shop_a1b2c3')), {}],
    [wantedOf(SIZE, database('shop_a1b2c3', 'absent')), { shop_a1b2c3: 25 }],
    [wantedOf(SIZE), { stray_a1b2c3: 25 }],
  ] as const) {
    t.deepEqual(plan(wanted, facts(storage, limits)).storage.remove, [])
  }
})

test('an instance of which only some databases were looked at stays', (t) => {
  const text = `instance ${INSTANCE} active\nstorage ${INSTANCE} image 1 2 ok`
  const seen = parseTenantFacts(text, new Map([[INSTANCE, []]]))
  t.deepEqual(plan(wantedOf(SIZE), seen).storage.remove, [])
})

test('a removed instance is made anew by the next database', (t) => {
  const text = `instance ${INSTANCE} absent`
  const seen = parseTenantFacts(text, new Map([[INSTANCE, 'all']]))
  const wanted = wantedOf(SIZE, database('shop_a1b2c3'))
  t.deepEqual(plan(wanted, seen).instances, wanted.instances)
  t.deepEqual(plan(wantedOf(SIZE), seen).instances, [])
})

test('a held instance is not started, and what needs it is told what to do', (t) => {
  const shop = database('shop_a1b2c3')
  const gone = database('old_a1b2c3', 'absent')
  const { instances, ensure, drop, open, storage } = plan(
    wantedOf(SIZE, shop, gone),
    facts(`image 100000000 ${SIZE} held`, {}, 'inactive'),
  )
  t.deepEqual([instances, ensure, drop], [[], [], []])
  t.regex(storage.impossible.get('shop_a1b2c3') ?? '', /disk of its host .* operator must make room/)
  t.true(storage.impossible.has('old_a1b2c3'))
  t.deepEqual(open ?? renderPoolFiles([shop]), renderPoolFiles([shop]))
})

test('a full instance takes no new database; one that stands can be dropped', (t) => {
  const [shop, fresh, gone] = [
    database('shop_a1b2c3'),
    database('new_a1b2c3'),
    database('old_a1b2c3', 'absent'),
  ]
  const { ensure, drop, storage, open } = plan(
    wantedOf(SIZE, shop, fresh, gone),
    facts(`image 1000000000 ${SIZE} full`, { shop_a1b2c3: 0, old_a1b2c3: 0 }),
  )
  t.deepEqual(ensure, [])
  t.deepEqual(drop, [gone])
  t.deepEqual([...storage.impossible.keys()], ['new_a1b2c3'])
  t.regex(storage.impossible.get('new_a1b2c3') ?? '', /cleanup-login/)
  t.deepEqual(open ?? renderPoolFiles([shop]), renderPoolFiles([shop]))
})
