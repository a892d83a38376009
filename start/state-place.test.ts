import test from 'ava'
import { readPlace, readSecrets } from './state-place.ts'

const OWN = 'postgres://dbhost_worker@/dbhost_stacks?host=%2Frun'
const ENV = {
  AWS_REGION: 'eu',
  PGPASSWORD: 'word',
  PGHOST: 'elsewhere',
  VAULT_TOKEN: 'v',
  HOME: '/root',
  AWS_PROFILE: '',
}

test('a place takes from the environment what opens it, and nothing else', (t) => {
  t.deepEqual(readPlace('database', OWN, ENV), { backendUrl: OWN, environment: {} })
  t.deepEqual(readPlace(OWN, OWN, ENV), { backendUrl: OWN, environment: {} })
  t.deepEqual(readPlace('file:///srv/state/', OWN, ENV), { backendUrl: 'file:///srv/state', environment: {} })
  t.deepEqual(readPlace('s3://bucket/one?region=eu-1', OWN, ENV).environment, { AWS_REGION: 'eu' })
  t.deepEqual(readPlace('postgres://me@db.example/states', OWN, ENV).environment, { PGPASSWORD: 'word' })
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
  ['s3://', /names no bucket|is no place/],
  ['postgres://me:word@db.example/states', /Leave the password out/],
  ['postgres://me@db.example', /names no host or no database/],
] as const)
  test(`as a place for the state, ${text || 'nothing'} is refused`, (t) => {
    const { message } = t.throws(() => readPlace(text, OWN, ENV))
    t.regex(message, why)
    t.notRegex(message, /word@/)
  })

for (const text of ['', 'default', 'awskms', 'awskms://', 'https://key.example', 'hashivault://a b'])
  test(`as a key of the state, ${text || 'nothing'} is refused`, (t) => {
    t.throws(() => readSecrets(text, ENV), { message: /names no key/ })
  })
