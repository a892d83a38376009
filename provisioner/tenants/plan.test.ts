import test from 'ava'
import { allowDigest } from './allow-set.ts'
import { readPoolClients, uncoveredClients } from './clients.ts'
import { parseTenantFacts, type TenantFacts } from './facts.ts'
import { DATABASE_CONNECTIONS, ROLE_CONNECTIONS } from './limits.ts'
import { planTenants } from './plan.ts'
import { poolDigest, renderPoolFiles, splitClients } from './pool-files.ts'
import { invalidBecause } from './validate.ts'
import type { DatabaseWanted, TenantsWanted } from './wanted.ts'

const INSTANCE = 'iaaaaaaaaaa'
const VERIFIER = 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy'
const NOTHING = { passwords: new Set<string>(), rules: new Set<string>() }

const database = (change: Partial<DatabaseWanted> = {}): DatabaseWanted => ({
  name: 'shop_a1b2c3',
  instance: INSTANCE,
  state: 'open',
  verifier: VERIFIER,
  rules: ['203.0.113.7/32'],
  clients: 50,
  ...change,
})

const wantedOf = (...databases: DatabaseWanted[]): TenantsWanted => ({
  instances: [{ name: INSTANCE, storageBytes: 1e9, memoryBytes: 1e9, maxConnections: 300 }],
  databases,
})

/** The facts of a host on which exactly these databases stand as wanted. */
function standing(...databases: DatabaseWanted[]): TenantFacts {
  return parseTenantFacts(factsText(...databases), new Map([[INSTANCE, 'all']]))
}

function factsText(...databases: DatabaseWanted[]): string {
  const digest = poolDigest(renderPoolFiles(databases))
  const elements = databases.flatMap(({ rules }) => rules).toSorted()
  const text = [
    `pool ${digest}-1 ${digest}-1 ${digest} active`,
    `allow ${allowDigest(elements)}`,
    ...elements.map((element) => `element ${element}`),
    `instance ${INSTANCE} active`,
    ...databases.flatMap(({ name, verifier }) => [
      `database ${INSTANCE} ${name} ${DATABASE_CONNECTIONS} t t ${name}=CONNECT,${name}=CREATE,${name}=TEMPORARY`,
      `role ${INSTANCE} ${name} ${ROLE_CONNECTIONS} l ${verifier} f`,
    ]),
  ]
  return text.join('\n')
}

test('a host that stands as wanted gives an empty plan', (t) => {
  const plan = planTenants(wantedOf(database()), standing(database()), NOTHING)
  t.deepEqual(plan, {
    ...{ instances: [], drop: [], ensure: [], admit: null, open: null, shut: null, reasons: [] },
    storage: { grow: [], remove: [], held: new Set(), impossible: new Map(), unborn: new Set(), reasons: [] },
    close: { files: null, entries: [], clients: [] },
  })
})

test('a new database opens: firewall grows, then the pool, nothing is closed', (t) => {
  const born = database({ name: 'new_d4e5f6', rules: ['198.51.100.0/24'] })
  const plan = planTenants(wantedOf(database(), born), standing(database()), NOTHING)
  t.deepEqual(plan.ensure, [born])
  t.deepEqual(plan.admit, ['198.51.100.0/24', '203.0.113.7/32'])
  t.deepEqual(plan.open, renderPoolFiles([database(), born]))
  t.is(plan.shut, null)
  t.deepEqual(plan.close, { files: null, entries: [], clients: [] })
})

test('of databases that were not looked at nothing is known, so nothing is done to them', (t) => {
  const neighbour = database({ name: 'neighbour_a1b2c3' })
  const gone = database({ name: 'old_d4e5f6', state: 'absent' })
  const facts = parseTenantFacts(
    factsText(neighbour, { ...gone, state: 'open' }),
    new Map([[INSTANCE, [{ name: gone.name, known: true }]]]),
  )
  facts.instances.get(INSTANCE)?.databases.delete(neighbour.name)
  facts.instances.get(INSTANCE)?.roles.delete(neighbour.name)
  const plan = planTenants(wantedOf(neighbour, gone), facts, NOTHING)
  t.deepEqual(plan.ensure, [])
  t.deepEqual(plan.close.files, renderPoolFiles([neighbour, gone], [gone]))
  t.deepEqual(plan.open, renderPoolFiles([neighbour]))
})

test('a deleted database closes first: pool without it, role dropped, firewall shrinks at the end', (t) => {
  const gone = database({ name: 'old_d4e5f6', rules: ['198.51.100.0/24'], state: 'absent' })
  const plan = planTenants(
    wantedOf(database(), gone),
    standing(database(), { ...gone, state: 'open' }),
    NOTHING,
  )
  t.deepEqual(plan.close.files, renderPoolFiles([database(), gone], [gone]))
  const { 'databases.ini': ini, ...rules } = plan.close.files ?? renderPoolFiles([])
  t.true(ini.includes(gone.name), 'the entry stands while logins to it end')
  t.false(JSON.stringify(rules).includes(gone.name), 'and nobody may begin one')
  t.deepEqual(plan.close.entries, [gone])
  t.deepEqual(plan.drop, [gone])
  t.deepEqual(plan.shut, ['203.0.113.7/32'])
  t.deepEqual(plan.open, renderPoolFiles([database()]))
  const again = planTenants(wantedOf(database(), gone), standing(database()), NOTHING)
  t.is(again.close.files, null)
  t.is(again.open, null)
})

test('a new password closes the door with the new verifier before the role is altered', (t) => {
  const reset = database({ verifier: 'SCRAM-SHA-256$4096:bmV3$bmV3:bmV3' })
  const closing = { passwords: new Set([reset.name]), rules: new Set<string>() }
  const plan = planTenants(wantedOf(reset), standing(database()), closing)
  t.deepEqual(plan.close.files, renderPoolFiles([reset]))
  t.deepEqual(plan.close.entries, [reset])
  t.deepEqual(plan.ensure, [reset])
  t.is(plan.open, null)
})

test('a dropped role limit, a foreign owner and a privilege for PUBLIC are found and named', (t) => {
  const facts = standing(database())
  const instance = facts.instances.get(INSTANCE)
  const role = instance?.roles.get('shop_a1b2c3')
  const found = instance?.databases.get('shop_a1b2c3')
  if (!role || !found) return t.fail()
  role.connectionLimit = -1
  role.attributes = 'dl'
  found.ownedByPlatform = false
  found.privileges = `-=CONNECT,${found.privileges}`
  const { ensure, reasons } = planTenants(wantedOf(database()), facts, NOTHING)
  t.is(ensure.length, 1)
  for (const part of ['connection limit of the role is -1', '"dl"', 'owner', '-=CONNECT']) {
    t.true(reasons.join('\n').includes(part), part)
  }
})

test('files that PgBouncer has not loaded are applied again', (t) => {
  const facts = standing(database())
  facts.pool.loaded = '-'
  t.deepEqual(planTenants(wantedOf(database()), facts, NOTHING).open, renderPoolFiles([database()]))
})

test('a database that only stands on the host is left alone', (t) => {
  const stray = database({ name: 'stray_d4e5f6' })
  const plan = planTenants(wantedOf(database()), standing(database(), stray), NOTHING)
  t.deepEqual(plan.drop, [])
})

test('each entry has its hostssl lines and exactly one local line', (t) => {
  const { 'hba.conf': hba, 'databases.ini': ini } = renderPoolFiles([
    database({ rules: [] }),
    database({ name: 'b_d4e5f6' }),
  ])
  t.is(hba.match(/^local /gm)?.length, 4)
  t.is(hba.match(/^hostssl /gm)?.length, 2)
  t.is(ini.split('\n').length, 5)
})

test('W6 the clients of entry and alias add up to the limit', (t) => {
  for (const clients of [2, 5, 10, 50, 200]) {
    const { pooled, session } = splitClients(clients)
    t.is(pooled + session, clients)
  }
})

test('one bad row is named instead of being rendered', (t) => {
  t.is(invalidBecause(database()), undefined)
  t.is(invalidBecause(database({ name: 'a'.repeat(55) })), undefined)
  t.regex(invalidBecause(database({ name: 'a'.repeat(56) })) ?? '', /too long/)
  t.regex(invalidBecause(database({ name: 'a\nb' })) ?? '', /character/)
  t.regex(invalidBecause(database({ verifier: '"' })) ?? '', /verifier/)
  t.regex(invalidBecause(database({ rules: ['10.0.0.5/24'] })) ?? '', /canonical/)
})

test('W6 exactly the clients whose address no rule covers are ended, on entry and alias, also at their login', (t) => {
  const clients = readPoolClients(
    [
      '11 cl_active shop_a1b2c3 203.0.113.7 1',
      '12 cl_active shop_a1b2c3 203.0.113.8 1',
      '13 cl_waiting shop_a1b2c3_session 203.0.113.8 1',
      '14 cl_active shop_a1b2c3 unix 6432',
      '15 cl_active other 203.0.113.8 1',
      '16 cl_login shop_a1b2c3_session 2001:db8::1 1',
      '17 cl_login (nodb) 203.0.113.8 1',
      '',
    ].join('\n'),
  )
  const ids = (found: typeof clients): number[] => found.map(({ id }) => id)
  t.deepEqual(ids(uncoveredClients(clients, [database()])), [12, 13, 16])
  t.throws(() => readPoolClients('11 cl_active a|b 203.0.113.7'))
})
