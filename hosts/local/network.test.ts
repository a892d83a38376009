import test from 'ava'
import { canonicalCidr } from '../../common/cidr.ts'
import { addressesAt, freeAddresses, linkPattern, machineName } from './network.ts'

test('networks of different positions share no address, and every text is canonical', (t) => {
  t.like(addressesAt(0), { outer4: '198.18.0.1', address4: '198.18.0.2' })
  t.like(addressesAt(64), { outer4: '198.18.1.1', address4: '198.18.1.2' })
  t.is(addressesAt(2 ** 15 - 1).address4, '198.19.255.254')
  const texts = [0, 1, 15, 63, 64, 32_767].flatMap((index) => {
    const { outer4, address4, outer6, address6 } = addressesAt(index)
    return [outer4, address4, outer6, address6]
  })
  t.is(new Set(texts).size, texts.length)
  for (const text of texts) t.regex(canonicalCidr(text) ?? '', new RegExp(`^${text}/(32|128)$`))
  t.throws(() => addressesAt(2 ** 15))
})

test('the lowest position is given that neither a machine nor an interface of this computer has', (t) => {
  t.is(freeAddresses([]).index, 0)
  t.is(freeAddresses([0, 1, 3]).index, 2)
  t.is(freeAddresses([0], ['127.0.0.1', '::1', '198.18.0.5', '198.20.0.1', '10.0.0.1']).index, 2)
  t.throws(() => freeAddresses(Array.from({ length: 2 ** 15 }, (_, index) => index)), {
    message: /are taken/,
  })
})

test('a link has a name that Linux does not cut and that the pattern of its installation matches', (t) => {
  const link = `ve-${machineName('abc123', 36 ** 4)}`
  t.true(link.length <= 15)
  t.true(link.startsWith(linkPattern('abc123').slice(0, -1)))
})
