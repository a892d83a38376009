import test from 'ava'
import { usableResolvers } from './resolvers.ts'

test('name servers on loopback, of IPv6 and in comments are of no use to a machine', (t) => {
  const text = '# nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n'
  t.deepEqual(usableResolvers(`${text}search example.org\noptions edns0\n`), ['192.0.2.53'])
})
