import test from 'ava'
import { defaultHostSpec } from '../hosts/host-spec.ts'
import { cloudRules } from './cloud-firewall.ts'

const spec = defaultHostSpec({ name: 'h', kind: 'hcloud', addresses: [], controlPlane: [] })

const pool = (allow: string[]): string[][] =>
  cloudRules(spec, allow).flatMap(({ port, sourceIps }) => (port === '6432' ? [sourceIps] : []))

test('nobody is let through to the pool of a host without rules', (t) => {
  t.deepEqual(pool([]), [])
})

test('an allowlist is cut into rules of the size that the cloud takes', (t) => {
  const many = Array.from({ length: 250 }, (_, index) => `10.0.${index}.0/24`)
  t.deepEqual(
    pool(many).map(({ length }) => length),
    [100, 100, 50],
  )
  t.deepEqual(pool(many).flat(), many)
})

test('one that the cloud cannot hold is left to the host', (t) => {
  const many = Array.from({ length: 5000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`)
  t.deepEqual(pool(many), [['0.0.0.0/0', '::/0']])
})

test('everybody of a family stands alone', (t) => {
  t.deepEqual(pool(['0.0.0.0/0', '10.0.0.0/8', '2001:db8::/64']), [['0.0.0.0/0', '2001:db8::/64']])
})
