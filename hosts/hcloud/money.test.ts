import test from 'ava'
import { money, shown, sum, times } from './money.ts'

const amount = (text: string) => money.parse(text)

test('sums are exact where binary numbers are not', (t) => {
  t.is(shown(sum([amount('0.1'), amount('0.2')])), '0.3000')
  t.is(shown(sum(Array.from({ length: 10_000 }, () => amount('0.0001')))), '1.0000')
  t.is(shown(times(amount('0.0440000000'), 10_240)), '450.5600')
  t.is(shown(times(amount('0.0523600000000001'), 10_000)), '523.6000')
})

test('the half is rounded up, at the end alone', (t) => {
  t.is(shown(amount('0.00005')), '0.0001')
  t.is(shown(amount('0.00004999999999999999')), '0.0000')
  t.is(shown(amount('9.99995')), '10.0000')
  t.is(shown(sum([amount('0.00003'), amount('0.00003')])), '0.0001')
  t.is(shown(amount('8')), '8.0000')
})

test('what is no decimal number is refused', (t) => {
  for (const text of ['', '-1', '1e3', '1,5', '.5', '1.', 'NaN', '0x1', ' 1', `0.${'1'.repeat(31)}`])
    t.false(money.safeParse(text).success, text)
})
