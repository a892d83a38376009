import test from 'ava'
import { refusalOf } from './outside-login.ts'

const now = new Date('2026-01-02T03:04:05Z')

test('a certificate that is not valid now is told with the time that was believed', (t) => {
  for (const [code, message] of [
    ['CERT_NOT_YET_VALID', 'certificate is not yet valid'],
    ['CERT_HAS_EXPIRED', 'certificate has expired'],
  ] as const)
    t.is(
      refusalOf(Object.assign(new Error(message), { code }), false, now),
      `${message} at 2026-01-02T03:04:05.000Z, the time of the control plane; one of the two clocks is wrong and must be set`,
    )
})

test('a time-out counts as waiting only behind an open door', (t) => {
  const timeout = new Error('Query read timeout')
  t.is(refusalOf(timeout, true, now), 'no server connection free within the deadline')
  t.is(refusalOf(timeout, false, now), 'Query read timeout')
})
