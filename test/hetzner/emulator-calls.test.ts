import test from 'ava'
import { KEY, OTHER_KEY, SERVER, started } from './started.ts'

test('the catalog has types, images, places and prices', async (t) => {
  const { api } = await started(t)
  const [type] = (await api.get('/server_types?name=cx23')).server_types
  t.like(type, { cores: 2, memory: 4, disk: 40, architecture: 'x86' })
  t.deepEqual(
    type?.prices.map(({ location }) => location),
    ['fsn1', 'nbg1', 'hel1'],
  )
  t.regex(type?.prices[0]?.price_monthly.gross ?? '', /^\d+\.\d{16}$/)
  const named = await api.get('/images?name=debian-12&architecture=x86&include_deprecated=true')
  t.deepEqual(
    named.images.map(({ architecture }) => architecture),
    ['x86'],
  )
  t.is((await api.get('/images?name=debian-12')).images.length, 2)
  t.is((await api.get('/locations')).locations.length, 6)
  const { pricing } = await api.get('/pricing')
  t.is(pricing.primary_ips[0]?.prices.length, 6)
  t.truthy(pricing.volume.price_per_gb_month)
  const nowhere = { ...SERVER, server_type: 'cx23', location: 'ash' }
  t.deepEqual(await api.badFields('POST', '/servers', nowhere), ['location'])
  t.is(await api.refusal('GET', '/datacenters'), '404 not_found')
})

test('calls are refused by token, path, method and input', async (t) => {
  const { api } = await started(t)
  const denied = await api.call('GET', '/servers', undefined, 'x'.repeat(64))
  t.is(denied.status, 401)
  t.is(denied.body.error.code, 'unauthorized')
  t.is(await api.refusal('GET', '/nothing'), '404 not_found')
  t.is(await api.refusal('DELETE', '/servers'), '405 method_not_allowed')
  t.is(await api.refusal('POST', '/servers', '{'), '400 json_error')
  t.is(await api.refusal('GET', '/actions'), '410 deprecated_api_endpoint')
  const wrong = { ...SERVER, name: 'not_a_host', datacenter: 'fsn1-dc14', public_net: { ipv5: 1 } }
  t.deepEqual(await api.badFields('POST', '/servers', wrong), ['datacenter', 'name', 'public_net.ipv5'])
  t.deepEqual(await api.badFields('POST', '/servers', { ...SERVER, image: 'windows' }), ['image'])
  t.deepEqual(await api.badFields('POST', '/servers', { ...SERVER, labels: { '-': 'x' } }), ['labels.-'])
  const network = { ...SERVER, networks: [1] }
  t.is(await api.refusal('POST', '/servers', network), '404 not_found')
  t.deepEqual(await api.badFields('GET', '/servers?colour=red', undefined), ['colour'])
  t.deepEqual(await api.badFields('GET', '/servers?sort=colour', undefined), ['sort'])
})

test('names are unique by kind, and keys by what they are', async (t) => {
  const { api } = await started(t)
  const { ssh_key } = await api.done('POST', '/ssh_keys', { name: 'a', public_key: KEY })
  t.regex(ssh_key.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  const again = (name: string, public_key: string) => api.refusal('POST', '/ssh_keys', { name, public_key })
  t.is(await again('a', OTHER_KEY), '409 uniqueness_error')
  t.is(await again('b', KEY), '409 uniqueness_error')
  t.is(await again('b', 'ssh-rsa AAAA'), '422 invalid_input')
  t.is(await again('b', OTHER_KEY), '201')
  t.is(await api.refusal('PUT', `/ssh_keys/${ssh_key.id}`, { name: 'b' }), '409 uniqueness_error')
  t.is(await api.refusal('PUT', `/ssh_keys/${ssh_key.id}`, { name: 'a' }), '200')
  await api.done('POST', '/servers', SERVER)
  t.is(await api.refusal('POST', '/servers', SERVER), '409 uniqueness_error')
  for (const [path, body] of [
    ['/volumes', { name: 'a', size: 10, location: 'fsn1' }],
    ['/firewalls', { name: 'a' }],
    ['/placement_groups', { name: 'a', type: 'spread' }],
    ['/primary_ips', { name: 'a', type: 'ipv6', location: 'fsn1' }],
  ] as const) {
    t.is(await api.refusal('POST', path, body), '201')
    t.is(await api.refusal('POST', path, body), '409 uniqueness_error')
  }
})

test('lists come in pages, and are chosen by name and labels', async (t) => {
  const { api } = await started(t)
  const key = (index: number) =>
    `ssh-ed25519 ${Buffer.concat([Buffer.from('\0\0\0\vssh-ed25519\0\0\0 '), Buffer.alloc(32, index)]).toString('base64')}`
  for (let index = 0; index < 7; index += 1) {
    const labels = { n: String(index % 2), ...(index < 2 && { first: '' }) }
    await api.done('POST', '/ssh_keys', { name: `k${index}`, public_key: key(index), labels })
  }
  const names = async (query: string) =>
    (await api.get(`/ssh_keys?${query}`)).ssh_keys.map(({ name }) => name)
  t.deepEqual(await names('page=2&per_page=3'), ['k3', 'k4', 'k5'])
  t.deepEqual((await api.get('/ssh_keys?page=3&per_page=3')).meta.pagination, {
    page: 3,
    per_page: 3,
    previous_page: 2,
    next_page: null,
    last_page: 3,
    total_entries: 7,
  })
  t.like((await api.get('/ssh_keys?per_page=1000')).meta.pagination, { per_page: 50, next_page: null })
  t.deepEqual(await names('sort=name:desc&per_page=2'), ['k6', 'k5'])
  t.deepEqual(await names('name=k4'), ['k4'])
  const selected = (selector: string) => names(`label_selector=${encodeURIComponent(selector)}`)
  t.deepEqual(await selected('n=1'), ['k1', 'k3', 'k5'])
  t.deepEqual(await selected('n==1,first'), ['k1'])
  t.deepEqual(await selected('n!=1,!first'), ['k2', 'k4', 'k6'])
  t.deepEqual(await selected('n in (1, 2),first'), ['k1'])
  t.deepEqual(await selected('n notin (1)'), ['k0', 'k2', 'k4', 'k6'])
  t.deepEqual(await api.badFields('GET', '/ssh_keys?label_selector=a=b=c', undefined), ['label_selector'])
})

test('every answer says how many requests are left, and an hour has so many', async (t) => {
  const { api } = await started(t)
  const { headers } = await api.call('GET', '/servers')
  t.is(headers.get('ratelimit-limit'), '3600')
  t.is(headers.get('ratelimit-remaining'), '3599')
  t.true(Number(headers.get('ratelimit-reset')) >= Math.floor(Date.now() / 1000))
  t.is(headers.get('content-type'), 'application/json')
  t.regex(headers.get('x-correlation-id') ?? '', /^\w+$/)
  const { api: limited } = await started(t, { rateLimit: 2 })
  t.is(await limited.refusal('GET', '/servers'), '200')
  t.is(await limited.refusal('GET', '/servers'), '200')
  t.is(await limited.refusal('GET', '/servers'), '429 rate_limit_exceeded')
})
