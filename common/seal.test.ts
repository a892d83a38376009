import { inspect } from 'node:util'
import test from 'ava'
import { scramVerifier } from './scram.ts'
import { exportKeyRing, importKeyRing, newBoxKeys, newKeyRing, open, openBox, seal, sealBox } from './seal.ts'
import { Secret } from './secret.ts'

test('a sealed value opens with its ring and its context only', (t) => {
  const ring = newKeyRing()
  const sealed = seal(ring, new Secret('pässword'), 'database:1:password')
  t.is(open(importKeyRing(exportKeyRing(ring)), sealed, 'database:1:password').reveal(), 'pässword')
  t.throws(() => open(ring, sealed, 'database:2:password'))
  t.throws(() => open(newKeyRing(), sealed, 'database:1:password'), { message: /does not hold key/ })
  t.throws(() => open(ring, `${sealed.slice(0, -4)}AAAA`, 'database:1:password'))
})

test('a rotated ring still opens what the old key sealed', (t) => {
  const old = newKeyRing()
  const sealed = seal(old, new Secret('x'), 'c')
  const next = newKeyRing()
  const rotated = { current: next.current, keys: { ...old.keys, ...next.keys } }
  t.is(open(rotated, sealed, 'c').reveal(), 'x')
  t.true(seal(rotated, new Secret('x'), 'c').startsWith(`v1.${next.current}.`))
})

test('a box opens for the holder of the private key only', (t) => {
  const keys = newBoxKeys()
  const box = sealBox(keys.publicKey, new Secret('ssh key'), 'host:1:key')
  t.is(openBox(keys.privateKey, box, 'host:1:key').reveal(), 'ssh key')
  t.throws(() => openBox(newBoxKeys().privateKey, box, 'host:1:key'))
  t.throws(() => openBox(keys.privateKey, box, 'host:2:key'))
})

test('a secret prints as a placeholder in every textual form', (t) => {
  const secret = new Secret('hunter2')
  for (const text of [String(secret), `${secret}`, JSON.stringify({ secret }), inspect({ secret })]) {
    t.false(text.includes('hunter2'))
  }
})

test('the verifier of a known password and salt is the one that PostgreSQL computes', (t) => {
  // RFC 7677 section 3: password "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==.
  t.is(
    scramVerifier(new Secret('pencil'), Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')),
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})
