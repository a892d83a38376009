import test from 'ava'
import { freeNetwork } from './client-addresses.ts'

test('clients of tests stay out of networks in which this computer or its mirrors are', (t) => {
  t.is(freeNetwork(['127.0.0.1', '10.1.2.3', 'fd00::2']), '203.0.113')
  t.is(freeNetwork(['192.0.2.2', '203.0.113.80']), '198.51.100')
  t.throws(() => freeNetwork(['192.0.2.2', '203.0.113.80', '198.51.100.1']), {
    message: /uses every network/,
  })
})
