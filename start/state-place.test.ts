import test from 'ava'
import { readPlace, readSecrets, refuseConflict } from './state-place.ts'

const OWN = 'postgres://dbhost_worker@/dbhost_stacks?host=%2Frun'
const LOST = ['/var/lib/dbhost/abc123', '/root/clone']
const ENV = {
  AWS_REGION: 'eu',
  PGPASSWORD: 'word',
  PGHOST: 'elsewhere',
  VAULT_TOKEN: 'v',
  HOME: '/root',
  AWS_PROFILE: '',
}

test('a place takes from the environment what opens it, and nothing else', (t) => {
  t.deepEqual(readPlace('database', OWN, ENV, LOST), { backendUrl: OWN, environment: {} })
  t.deepEqual(readPlace(OWN, OWN, ENV, LOST), { backendUrl: OWN, environment: {} })
  t.deepEqual(readPlace('file:///srv/state/', OWN, ENV, LOST), {
    backendUrl: 'file:///srv/state',
    environment: {},
  })
  t.deepEqual(readPlace('s3://bucket/one?region=eu-1', OWN, ENV, LOST).environment, { AWS_REGION: 'eu' })
  t.deepEqual(readPlace('postgres://me@db.example/states', OWN, ENV, LOST).environment, {
    PGPASSWORD: 'word',
  })
  t.deepEqual(readSecrets('hashivault://dbhost', ENV), {
    ...{ provider: 'hashivault://dbhost', environment: { VAULT_TOKEN: 'v' } },
  })
  t.deepEqual(readSecrets('passphrase', ENV), { provider: 'passphrase', environment: {} })
})

for (const [text, why] of [
  ['', /is no place/],
  ['/srv/state', /is no place/],
  ['gs://bucket', /is no place/],
  ['https://app.pulumi.com', /is no place/],
  ['file://srv/state', /is no absolute path/],
  ['file:///', /is no absolute path/],
  ['file:///srv/$(id)', /is no absolute path/],
  ['file:///srv/state?x=1', /is no absolute path/],
  ['file:///tmp/state', /lost .* at a boot/],
  ['file:///var/lib/dbhost/abc123/stacks/state', /lost with it/],
  ['file:///var/run/state', /lost .* at a boot/],
  ['s3://bucket/../x y', /names no bucket/],
  ['postgres://me@db.example/states?password=word', /Leave what opens it out/],
  ['s3://', /names no bucket|is no place/],
  ['postgres://me:word@db.example/states', /Leave what opens it out/],
  ['postgres://me@db.example', /names no host or no database/],
] as const)
  test(`as a place for the state, ${text || 'nothing'} is refused`, (t) => {
    const { message } = t.throws(() => readPlace(text, OWN, ENV, LOST))
    t.regex(message, why)
    t.notRegex(message, /word@|=word/)
  })

for (const text of ['', 'default', 'awskms', 'awskms://', 'https://key.example', 'hashivault://a b'])
  test(`as a key of the state, ${text || 'nothing'} is refused`, (t) => {
    t.throws(() => readSecrets(text, ENV), { message: /names no key/ })
  })

test('one place has one spelling', (t) => {
  const urlOf = (text: string): string => readPlace(text, OWN, ENV, LOST).backendUrl
  t.is(urlOf('FILE:///srv/./one/../state/'), 'file:///srv/state')
  t.is(urlOf('file:/srv/state'), 'file:///srv/state')
  t.is(urlOf('s3://bucket/one/?region=eu&endpoint=e'), urlOf('s3://bucket/one?endpoint=e&region=eu'))
})

test('place and key are opened by one environment', (t) => {
  const place = { backendUrl: 's3://bucket', environment: { AWS_REGION: 'eu', AWS_ACCESS_KEY_ID: 'a' } }
  const key = (environment: Record<string, string>) => ({ provider: 'awskms://key', environment })
  t.notThrows(() => refuseConflict(place, key({ AWS_REGION: 'eu' }), key({ VAULT_TOKEN: 'v' })))
  t.throws(() => refuseConflict(place, key({ AWS_ACCESS_KEY_ID: 'b' })), { message: /AWS_ACCESS_KEY_ID/ })
})
