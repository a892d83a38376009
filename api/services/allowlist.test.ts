import test from 'ava'
import { AppError } from '../../common/errors.ts'
import { defaultHostSpec } from '../../hosts/host-spec.ts'
import { checkRules, defaultRules } from './allowlist.ts'

const CONTROL_PLANE = ['198.18.0.1/32', 'fd00:1::1/128']
const hostOf = (kind: 'local' | 'ssh') =>
  defaultHostSpec({ name: 'h', kind, addresses: ['203.0.113.1'], controlPlane: CONTROL_PLANE })

const checked = (cidrs: string[], allowWide = false): string[] =>
  checkRules(
    cidrs.map((cidr) => ({ cidr })),
    allowWide,
    '/rules',
  ).map(({ cidr }) => cidr)

test('each form of an address has its one canonical rule', (t) => {
  const forms = [
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['::ffff:cb00:7107/128', '203.0.113.7/32'],
    ['2001:DB8:0:0::1', '2001:db8::1/128'],
    ['2001:db8:1:2:3::/48', '2001:db8:1::/48'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['2001:db8::/32', '2001:db8::/32'],
  ]
  for (const [given = '', canonical = ''] of forms) t.deepEqual(checked([given]), [canonical], given)
})

test('what is not one address or network is refused by its place', (t) => {
  const bad = [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4/33',
    '01.2.3.4',
    '0x7f.1',
    '::1%lo',
    'fe80::/129',
    '1.2.3.4,5.6.7.8',
  ]
  const error = t.throws<AppError>(() => checked(['192.0.2.1', ...bad, '1.2.3.4\u0000']), {
    instanceOf: AppError,
  })
  t.is(error.code, 'VALIDATION_ERROR')
  t.deepEqual(
    error.fields.map(({ field }) => field),
    [...bad, 'nul'].map((_, index) => `/rules/${index + 1}/cidr`),
  )
})

test('two forms of one network are one rule', (t) => {
  const error = t.throws<AppError>(() => checked(['203.0.113.7', '::ffff:203.0.113.7/128']), {
    instanceOf: AppError,
  })
  t.is(error.fields[0]?.field, '/rules/1/cidr')
})

test('wide rules and wide unions must be asked for by name', (t) => {
  const wide = [
    ['0.0.0.0/0'],
    ['::/0'],
    ['::ffff:0:0/96'],
    ['10.0.0.0/7'],
    ['2001:db8::/31'],
    ['10.0.0.0/8', '11.0.0.0/32'],
    ['2001:db8::/32', '2001:db9::1'],
    ['0.0.0.0/1', '128.0.0.0/1'],
  ]
  for (const cidrs of wide) {
    const error = t.throws<AppError>(() => checked(cidrs), { instanceOf: AppError }, cidrs.join())
    t.is(error.code, 'ALLOWLIST_TOO_WIDE')
    t.is(checked(cidrs, true).length, cidrs.length)
  }
  t.notThrows(() => checked(['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32']))
})

test('a database has at most 100 rules', (t) => {
  const many = Array.from({ length: 101 }, (_, index) => `203.0.113.${index}`)
  t.is(checked(many.slice(1)).length, 100)
  t.throws(() => checked(many), { message: /at most 100/ })
})

test('who gives no rules gets the address from which the host will see them', (t) => {
  const rulesFor = (kind: 'local' | 'ssh', address: string | null): string[] =>
    defaultRules(hostOf(kind), address).map(({ cidr }) => cidr)
  for (const loopback of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    t.deepEqual(rulesFor('local', loopback), CONTROL_PLANE, loopback)
  }
  for (const kind of ['local', 'ssh'] as const) {
    t.deepEqual(rulesFor(kind, '203.0.113.9'), ['203.0.113.9/32'])
    t.deepEqual(rulesFor(kind, '::ffff:203.0.113.9'), ['203.0.113.9/32'])
    t.deepEqual(rulesFor(kind, '2001:db8::9'), ['2001:db8::9/128'])
  }
})

test('an address that the host would not see is no default', (t) => {
  const unusable = [
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    'fd00::1',
    'fe80::1%eth0',
    '',
    null,
  ]
  for (const address of [...unusable, '127.0.0.1', '::1']) {
    const error = t.throws<AppError>(
      () => defaultRules(hostOf('ssh'), address),
      { instanceOf: AppError },
      String(address),
    )
    t.is(error.code, 'ALLOWLIST_REQUIRED')
  }
})
