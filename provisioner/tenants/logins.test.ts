import test from 'ava'
import { parseFailedLogins } from './logins.ts'

test('failed logins of a database and its alias are one, most failures first', (t) => {
  const found = parseFailedLogins(
    [
      'failed shop_k2x9pa 203.0.113.7 3 1795880000',
      'failed shop_k2x9pa_session 203.0.113.7 2 1795880600',
      'failed shop_k2x9pa 2001:db8:0:5::9 40 1795880100',
      'failed other_k2x9pa 198.51.100.1 1 1795880100',
      'banned 2001:db8:0:5::/64',
      'slowed 203.0.113.7/32',
      '',
    ].join('\n'),
  )
  t.deepEqual(found.get('shop_k2x9pa'), [
    { address: '2001:db8:0:5::9', count: 40, lastAt: '2026-11-28T15:35:00.000Z', measure: 'banned' },
    { address: '203.0.113.7', count: 5, lastAt: '2026-11-28T15:43:20.000Z', measure: 'slowed' },
  ])
  t.is(found.get('other_k2x9pa')?.[0]?.measure, null)
})
