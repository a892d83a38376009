import test, { type ExecutionContext } from 'ava'
import { Secret } from '../../common/secret.ts'
import { Client } from '../../test/hetzner/client.ts'
import { HetznerEmulator } from '../../test/hetzner/emulator.ts'
import type { CloudSpec } from '../host-spec.ts'
import { CloudError } from './client.ts'
import { preflight } from './preflight.ts'

const SPEC: CloudSpec = {
  ...{ serverType: 'cx23', location: 'fsn1', image: 'debian-13', volumeGb: 20 },
  ...{ placementGroup: null, domain: null },
}
const OURS = { 'dbhost-host': 'host_1' }
const SERVER = { server_type: 'cx33', image: 'debian-13', location: 'fsn1' }
const ZONE = 'example.org'
const domain = { zone: ZONE, record: 'db1' }

interface Cloud {
  emulator: HetznerEmulator
  api: Client
  /** The problems, as one line each. */
  problems: (wanted: Partial<CloudSpec>, hostId?: string) => Promise<string[]>
}

async function cloud(t: ExecutionContext): Promise<Cloud> {
  const emulator = await HetznerEmulator.start({ actionMs: 1 })
  t.teardown(() => emulator.close())
  const access = { token: new Secret(emulator.token), endpoint: emulator.endpoint, deadlineMs: 2_000 }
  const problems = async (wanted: Partial<CloudSpec>, hostId?: string): Promise<string[]> =>
    (await preflight(access, { ...SPEC, ...wanted }, hostId)).map(
      ({ field, message }) => `${field} ${message}`,
    )
  return { emulator, api: new Client(emulator), problems }
}

test('nothing stands against what can be had', async (t) => {
  const { problems } = await cloud(t)
  t.deepEqual(await problems({}), [])
  // Everything on a host comes from Debian, which has both.
  t.deepEqual(await problems({ serverType: 'cax11' }), [])
  t.deepEqual(await problems({ serverType: 'cpx11', location: 'hel1' }), [])
})

test('a type that is not there, not at the place, sold out or withdrawn', async (t) => {
  const { problems } = await cloud(t)
  const atFsn1 = 'choose one of cax11, cx23, cx33, cpx22, cx43, ccx13, cpx32, ccx23.'
  t.deepEqual(await problems({ serverType: 'cx99' }), [
    `/serverType Hetzner Cloud has no server type cx99: ${atFsn1}`,
  ])
  t.deepEqual(await problems({ serverType: 'cpx11' }), [`/serverType cpx11 is sold out at fsn1: ${atFsn1}`])
  t.deepEqual(await problems({ serverType: 'cx22' }), [
    `/serverType Hetzner withdraws cx22 at fsn1, and sells it until 2099-01-01: ${atFsn1}`,
  ])
  t.deepEqual(await problems({ location: 'ash' }), [
    '/serverType cx23 is not offered at ash, only at fsn1, nbg1, hel1: choose one of cpx11, cpx22, ccx13, cpx32, ccx23.',
  ])
})

test('a place, an image and a size that are not there', async (t) => {
  const { problems } = await cloud(t)
  t.deepEqual(await problems({ location: 'moon' }), [
    '/location Hetzner Cloud has no location moon: choose one of fsn1, nbg1, hel1, ash, hil, sin.',
  ])
  for (const image of ['debian-12', 'ubuntu-24.04'])
    t.deepEqual(await problems({ image }), [
      `/image ${image} is no image of Debian 13 for x86: choose one of debian-13.`,
    ])
  for (const volumeGb of [9, 10_241, 10.5])
    t.deepEqual(await problems({ volumeGb }), [
      `/volumeGb A volume has 10 to 10240 GB, in whole numbers: choose one of these instead of ${volumeGb}.`,
    ])
  t.deepEqual(await problems({ volumeGb: 10 }), [])
})

test('a placement group that is not there or full', async (t) => {
  const { api, problems } = await cloud(t)
  t.regex((await problems({ placementGroup: 7 }))[0] ?? '', /no placement group 7: make one of type spread/)
  const group = async (name: string): Promise<number> =>
    (await api.done('POST', '/placement_groups', { name, type: 'spread' })).placement_group.id
  const [full, free] = [await group('full'), await group('free')]
  for (let index = 0; index < 10; index += 1) {
    const labels = index === 0 ? OURS : {}
    await api.done('POST', '/servers', { ...SERVER, name: `s${index}`, placement_group: full, labels })
  }
  t.deepEqual(await problems({ placementGroup: free }), [])
  t.deepEqual(await problems({ placementGroup: full }), [
    `/placementGroup The placement group full has 10 servers already: choose one of ${free} (free).`,
  ])
  t.deepEqual(await problems({ serverType: 'cx33', placementGroup: full }, 'host_1'), [])
})

test('a zone that is not there or kept elsewhere, and a name that is taken', async (t) => {
  const { api, problems } = await cloud(t)
  t.regex((await problems({ domain }))[0] ?? '', /^\/domain\/zone .* no DNS zone example\.org: add it/)
  await api.done('POST', '/zones', { name: ZONE, mode: 'primary' })
  const primary_nameservers = [{ address: '192.0.2.1' }]
  await api.done('POST', '/zones', { name: 'copy.org', mode: 'secondary', primary_nameservers })
  t.deepEqual(await problems({ domain: { ...domain, zone: 'copy.org' } }), [
    '/domain/zone The zone copy.org is a copy of one that is kept elsewhere: choose one of example.org.',
  ])
  t.deepEqual(await problems({ domain }), [])
  const records = (name: string, type: string, ...values: string[]) =>
    api.done('POST', `/zones/${ZONE}/rrsets`, { name, type, records: values.map((value) => ({ value })) })
  await records('db1', 'TXT', '"v=spf1 -all"')
  t.deepEqual(await problems({ domain }), [])
  await records('db1', 'CNAME', 'elsewhere.example.net.')
  t.deepEqual(await problems({ domain }), [
    '/domain/record db1.example.org is taken (CNAME elsewhere.example.net.): choose another name, or delete these records.',
  ])
  t.deepEqual(await problems({ domain: { zone: ZONE, record: '@' } }), [])
  await records('sub', 'NS', 'ns.example.net.')
  t.is((await problems({ domain: { zone: ZONE, record: 'sub' } })).length, 1)
})

test('a name that points to the host is its own', async (t) => {
  const { api, problems } = await cloud(t)
  await api.done('POST', '/zones', { name: ZONE, mode: 'primary' })
  const address = async (type: string): Promise<string> => {
    const wanted = { name: type, type, location: 'fsn1', labels: OURS }
    return (await api.done('POST', '/primary_ips', wanted)).primary_ip.ip
  }
  const [four, six] = [await address('ipv4'), await address('ipv6')]
  for (const [type, value] of [
    ['A', four],
    ['AAAA', six.replace('::/64', ':0:0:0:1')],
  ])
    await api.done('POST', `/zones/${ZONE}/rrsets`, { name: 'db1', type, records: [{ value }] })
  t.deepEqual(await problems({ domain }, 'host_1'), [])
  t.regex((await problems({ domain }))[0] ?? '', /is taken \(A .*, AAAA .*\)/)
  t.is((await problems({ domain }, 'host_2')).length, 1)
})

test('a machine that runs keeps its type, and changes only into what it fits in', async (t) => {
  const { api, problems } = await cloud(t)
  await api.done('POST', '/servers', { ...SERVER, server_type: 'cx22', name: 'old', labels: OURS })
  t.deepEqual(await problems({ serverType: 'cx22', image: 'gone', volumeGb: 40 }, 'host_1'), [])
  t.is((await problems({ serverType: 'cx22' }, 'host_2')).length, 1)
  t.deepEqual(await problems({ serverType: 'cx33' }, 'host_1'), [])
  t.deepEqual(await problems({ serverType: 'cax11' }, 'host_1'), [
    '/serverType A machine of type cx22 (x86) never becomes a cax11 (arm): choose one of cx23, cx33, cpx22, cx43, ccx13, cpx32, ccx23.',
  ])
  const labels = { 'dbhost-host': 'host_2' }
  await api.done('POST', '/servers', { ...SERVER, name: 'big', labels })
  t.deepEqual(await problems({ serverType: 'cx23' }, 'host_2'), [
    '/serverType The disk of the machine has 80 GB, that of cx23 only 40 GB: choose one of cx33, cpx22, cx43, ccx13, cpx32, ccx23.',
  ])
})

test('what cannot be asked is no problem of the machine', async (t) => {
  const { emulator, problems } = await cloud(t)
  emulator.fail({ method: 'GET', path: /images/, with: { error: 'rate_limit_exceeded' } })
  const error = await t.throwsAsync(problems({}), { instanceOf: CloudError })
  t.is(error?.kind, 'rate-limit')
  emulator.fail({ method: 'GET', path: /images/, with: { hold: 'reply' } })
  await t.throwsAsync(problems({}), { message: /no answer within 2000 ms/ })
})
