import test from 'ava'
import { startApp } from '../app.ts'
import { query } from '../database.ts'
import { notYetBuilt } from '../host/not-built.ts'
import type { AnswerBody } from '../send.ts'

const app = await startApp()
test.after.always(() => app.close())

let count = 0
const create = (cidrs: readonly string[], more: object = {}) =>
  app.request('POST', '/databases', {
    body: { name: `list-${++count}`, allowlist: cidrs.map((cidr) => ({ cidr })), ...more },
  })
const rulesOf = ({ allowlist, rules }: AnswerBody): string[] => (allowlist ?? rules).map(({ cidr }) => cidr)

/** Each with the one rule that it is. */
const FORMS: [given: string, rule: string][] = [
  ['203.0.113.7', '203.0.113.7/32'],
  ['203.0.113.7/24', '203.0.113.0/24'],
  ['10.255.255.255/8', '10.0.0.0/8'],
  ['::ffff:203.0.113.7', '203.0.113.7/32'],
  ['::FFFF:203.0.113.7', '203.0.113.7/32'],
  ['::ffff:cb00:7107', '203.0.113.7/32'],
  ['::ffff:cb00:7107/128', '203.0.113.7/32'],
  ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7/32'],
  ['0000:0000:0000:0000:0000:ffff:cb00:7107', '203.0.113.7/32'],
  ['::ffff:203.0.113.7/120', '203.0.113.0/24'],
  ['2001:DB8:0:0::1', '2001:db8::1/128'],
  ['2001:0db8::0001', '2001:db8::1/128'],
  ['2001:db8:1:2:3::/48', '2001:db8:1::/48'],
  // One address is no more than one address, whatever it stands for.
  ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107/128'],
  ['2002:cb00:7107::/48', '2002:cb00:7107::/48'],
]

/** Nothing of these may become a rule. */
const REFUSED = {
  'leading zeros and octal': [
    ...['203.0.113.007', '0203.0.113.7', '0177.0.0.1', '::ffff:010.0.0.1', '::ffff:203.0.113.07'],
    ...['203.0.113.7/024', '64:ff9b::010.0.0.1'],
  ],
  'other numbers': ['0xcb.0.113.7', '0xcb007107', '3405803783', '203.0.113', '203', '::ffff:0x0a.0.0.1'],
  'unicode digits and stops': ['２０３.0.113.7', '٢٠٣.0.113.7', '203。0.113.7', '203．0．113．7'],
  'ports, brackets, zones': [
    ...['203.0.113.7:6432', '[2001:db8::1]', '[2001:db8::1]:6432', 'fe80::1%eth0', 'fe80::1%1'],
  ],
  'spaces and what ends a line': [
    ...[' 203.0.113.7', '203.0.113.7 ', '203.0. 113.7', '203.0.113.7\t', '203.0.113.7\n', '\n203.0.113.7'],
    ...['203.0.113.7\r', '203.0.113.7\u2028', '203.0.113.7\u200b', '203.0.113.7\u0000', '203.0.113.7#'],
    '1.2.3.4/32\nhostssl all all 0.0.0.0/0 trust',
  ],
  prefixes: [
    ...['203.0.113.7/33', '2001:db8::/129', '203.0.113.7/', '203.0.113.7/+8', '203.0.113.7/-1', '0/0', '/8'],
    ...['203.0.113.7/255.255.255.0', '203.0.113.7 255.255.255.0', '203.0.113.7/1e1', '1.2.3.4/8/8'],
    ...['::ffff:203.0.113.7/95', '::ffff:203.0.113.7/32', '::ffff:203.0.113.7/129'],
  ],
  lists: ['203.0.113.7,203.0.113.8', '203.0.113.7-203.0.113.9', '"203.0.113.7"'],
  'names, also those that mean something to a pool': [
    ...['localhost', 'db.example', '.example', 'all', 'samehost', 'samenet', '+all', '@hosts'],
  ],
  'no IPv6': [
    ...['1::2::3', ':::', '12345::', '2001:db8::g', '1:2:3:4:5:6:7:8:9', '::ffff:1.2.3', '1.2.3.4::'],
  ],
  'what no client comes from': [
    ...['127.0.0.1', '127.0.0.0/8', '127.1.2.3/32', '::1', '::', '0.0.0.0', '0.0.0.0/8', '::ffff:127.0.0.1'],
    ...['255.255.255.255', '224.0.0.1', 'ff02::1', '::203.0.113.7', '::203.0.113.7/96'],
  ],
}

/** Lists that open a database to more than a /8 of IPv4 or a /32 of IPv6. */
const WIDE = {
  everybody: ['0.0.0.0/0'],
  'everybody over IPv6': ['::/0'],
  'everybody as mapped addresses': ['::ffff:0:0/96'],
  'two networks of /8': ['10.0.0.0/7'],
  'two networks of /32': ['2001:db8::/31'],
  'a /8 and one address': ['10.0.0.0/8', '11.0.0.0'],
  'a /32 and one address': ['2001:db8::/32', '2001:db9::1'],
  'two halves of everybody': ['0.0.0.0/1', '128.0.0.0/1'],
  'overlapping networks that add up': ['10.0.0.0/9', '10.0.0.0/8', '11.0.0.0/32', '11.0.0.0/30'],
  'a hundred networks that add up': Array.from({ length: 100 }, (_, index) => `${index + 20}.0.0.0/13`),
  'a hundred networks of IPv6 that add up': Array.from(
    { length: 100 },
    (_, index) => `2a${String(index).padStart(2, '0')}::/38`,
  ),
  'every IPv4 client behind a translator': ['64:ff9b::/96'],
  'a network around that of the translator': ['64:ff9b::/64'],
  'more than a /8 behind a translator': ['64:ff9b::/103'],
  'a /8 and one address behind a translator': ['10.0.0.0/8', '64:ff9b::203.0.113.7'],
  'every IPv4 client as translated by RFC 2765': ['::ffff:0:0:0/96'],
  'a network around the mapped addresses': ['::/80'],
  'every client of Teredo': ['2001::/32'],
  'every client of one Teredo server': ['2001:0:c000:201::/64'],
  'every client of 6to4': ['2002::/16'],
}

const NARROW = {
  'one /8 and parts of it': ['10.0.0.0/8', '10.1.0.0/16', '10.2.3.4'],
  'one /8 and one /32': ['10.0.0.0/8', '2001:db8::/32'],
  'one /8 behind a translator': ['64:ff9b::/104'],
  'the same /8 in both forms': ['10.0.0.0/8', '64:ff9b::10.0.0.0/104'],
}

test('W17 each form of an address becomes the one rule that it is', async (t) => {
  for (const [given, rule] of FORMS) {
    const { status, body, text } = await create([given])
    t.is(status, 201, `${given}: ${text}`)
    t.deepEqual(rulesOf(body), [rule], given)
  }
})

test('W17 what is not exactly one network of clients is refused, on create and on change', async (t) => {
  const { body: database } = await create([])
  const path = `/databases/${database.id}/allowlist`
  for (const [kind, cidrs] of Object.entries(REFUSED)) {
    for (const cidr of cidrs) {
      const rules = [{ cidr: '198.51.100.1' }, { cidr }]
      const created = await create(rules.map((rule) => rule.cidr))
      t.is(created.body.code, 'VALIDATION_ERROR', `${kind}: ${JSON.stringify(cidr)} ${created.text}`)
      const changed = await app.request('PUT', path, { body: { rules } })
      t.deepEqual(
        changed.body.errors?.map(({ field }) => field),
        ['/rules/1/cidr'],
        JSON.stringify(cidr),
      )
    }
  }
  t.deepEqual((await app.request('GET', path)).body.rules, [])
})

test('W17 two forms of one network are one rule', async (t) => {
  const { body } = await create(['203.0.113.7', '::ffff:203.0.113.7/128'])
  t.deepEqual(
    body.errors.map(({ field }) => field),
    ['/allowlist/1/cidr'],
  )
})

test('W17 what opens more than a /8 or a /32 must be asked for by name, on create and on change', async (t) => {
  const { body: database } = await create([])
  const path = `/databases/${database.id}/allowlist`
  for (const [kind, cidrs] of Object.entries(WIDE)) {
    const rules = cidrs.map((cidr) => ({ cidr }))
    const created = await create(cidrs)
    t.is(created.status, 422, `${kind}: ${created.text}`)
    t.is(created.body.code, 'ALLOWLIST_TOO_WIDE', kind)
    t.is((await app.request('PUT', path, { body: { rules } })).body.code, 'ALLOWLIST_TOO_WIDE', kind)
    t.is((await create(cidrs, { allowWide: false })).body.code, 'ALLOWLIST_TOO_WIDE', kind)
    const asked = await create(cidrs, { allowWide: true })
    t.is(asked.status, 201, `${kind}: ${asked.text}`)
    t.is(rulesOf(asked.body).length, cidrs.length, kind)
  }
  for (const [kind, cidrs] of Object.entries(NARROW)) t.is((await create(cidrs)).status, 201, kind)
})

test('W17 that a list may be wide counts for that list alone', async (t) => {
  const { body } = await create(['0.0.0.0/0'], { allowWide: true })
  const path = `/databases/${body.id}/allowlist`
  t.is((await app.request('GET', path)).body.allowWide, true)
  const again = await app.request('PUT', path, { body: { rules: [{ cidr: '0.0.0.0/0' }] } })
  t.is(again.body.code, 'ALLOWLIST_TOO_WIDE')
  const narrow = await app.request('PUT', path, { body: { rules: [{ cidr: '203.0.113.7' }] } })
  t.is(narrow.body.allowWide, false)
})

test('W17 a database has at most 100 rules', async (t) => {
  const many = Array.from({ length: 101 }, (_, index) => `203.0.113.${index}`)
  t.is((await create(many)).body.code, 'VALIDATION_ERROR')
  t.is((await create(many.slice(1))).status, 201)
})

test('W17 no rule is there that the API does not show', async (t) => {
  const { body } = await create(['203.0.113.7', '2001:db8::/48'])
  const rows = await query<{ cidr: string }>(
    app.database.owner,
    'select cidr from allowlist_rule where database_id = $1 order by position',
    [body.id],
  )
  t.deepEqual(
    rows.map(({ cidr }) => cidr),
    rulesOf(body),
  )
})

notYetBuilt('W17', ['a rule that expires closes on time while no worker runs, and its session ends'])
