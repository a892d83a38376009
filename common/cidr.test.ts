import test from 'ava'
import { canonicalCidr, cidrContains, cidrCovers, isWide } from './cidr.ts'

const CANONICAL: [string, string | undefined][] = [
  ['203.0.113.7', '203.0.113.7/32'],
  ['203.0.113.7/24', '203.0.113.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8::1', '2001:db8::1/128'],
  ['2001:db8:1:2::/48', '2001:db8:1::/48'],
  ['::ffff:203.0.113.7', '203.0.113.7/32'],
  ['::ffff:203.0.113.7/120', '203.0.113.0/24'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['::ffff:0:0/95', undefined],
  ['::203.0.113.7', '::cb00:7107/128'],
  ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107/128'],
  ['::ffff:010.0.0.1', undefined],
  ['203.0.113.7/33', undefined],
  ['2001:db8::/129', undefined],
  ['203.0.113', undefined],
  ['0x7f.1', undefined],
  ['010.0.0.1', undefined],
  ['203.0.113.7/024', undefined],
  ['fe80::1%eth0', undefined],
  ['localhost', undefined],
  ['203.0.113.7, 10.0.0.1', undefined],
  ['203.0.113.7\n', undefined],
  ['', undefined],
]

test('an address or network has one canonical text, anything else has none', (t) => {
  for (const [text, canonical] of CANONICAL) t.is(canonicalCidr(text), canonical, text)
})

test('a network covers its own addresses in each form a socket reports, and no others', (t) => {
  t.true(cidrCovers('203.0.113.0/24', '203.0.113.255'))
  t.true(cidrCovers('203.0.113.0/24', '::ffff:203.0.113.1'))
  t.false(cidrCovers('203.0.113.0/24', '203.0.114.0'))
  t.false(cidrCovers('0.0.0.0/0', '2001:db8::1'))
  t.true(cidrCovers('2001:db8::/32', '2001:db8:ffff::1'))
})

test('a network contains the networks of its own family that lie in it', (t) => {
  t.true(cidrContains('10.0.0.0/8', '10.1.0.0/16'))
  t.true(cidrContains('10.0.0.0/8', '10.0.0.0/8'))
  t.false(cidrContains('10.1.0.0/16', '10.0.0.0/8'))
  t.false(cidrContains('::/0', '10.0.0.0/8'))
})

test('rules and unions wider than one /8 or one v6 /32 are wide', (t) => {
  t.true(isWide(['0.0.0.0/0']))
  t.true(isWide(['10.0.0.0/7']))
  t.false(isWide(['10.0.0.0/8']))
  t.true(isWide(['10.0.0.0/8', '11.0.0.0/9']))
  t.false(isWide(['10.0.0.0/8', '10.1.0.0/16']))
  t.true(isWide(['2001:db8::/31']))
  t.false(isWide(['2001:db8::/32', '10.0.0.0/8']))
  t.true(isWide(Array.from({ length: 256 }, (_, index) => `${index}.0.0.0/9`)))
})
