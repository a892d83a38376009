import test from 'ava'
import { LAYOUT } from '../../provisioner/layout.ts'
import { script } from '../../provisioner/shell.ts'
import { Namespace } from '../host/namespace.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

let running: RunningService
let client: Namespace
let bystander: Answer
const made: Answer[] = []

test.before(async () => {
  running = await RunningService.shared()
  const { id, facts } = running.clone
  client = new Namespace(id, 17, facts.database?.caFile ?? '')
  bystander = await running.createApart('w17-bystander')
  made.push(bystander)
})
test.after.always(async () => {
  client?.remove()
  await running?.delete(...made)
  await running?.remove()
})

const inOrder = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const aliasOf = ({ database }: Answer): string => `${database}_session`

async function create(name: string, rules: { cidr: string }[], more: object = {}): Promise<Answer> {
  const database = await running.create(name, { project: 'w17-bystander', allowlist: rules, ...more })
  made.push(database)
  return database
}

interface Line {
  type: string
  entry: string
  user: string
  address: string | undefined
}

/** The whole file as PgBouncer reads it: what is not a line of this form would be there for somebody else. */
function parseHba(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const words = line.trim().split(/\s+/)
      const [type = '', entry = '', user = ''] = words
      const [address, method] = type.startsWith('host') ? words.slice(3) : [undefined, words[3]]
      const plain = /^"[a-z][a-z0-9_]*"$/
      const whole = words.length === (address === undefined ? 4 : 5) && method === 'scram-sha-256'
      if (!whole || !plain.test(entry) || !plain.test(user))
        throw new Error(`a line of another form: ${line}`)
      return { type, entry: entry.slice(1, -1), user: user.slice(1, -1), address }
    })
}

const readHba = async (): Promise<Line[]> =>
  parseHba(await running.service.connection.run(script('read', `cat ${LAYOUT.pool.tenants}/hba.conf`)))

/** What the API says of every database of the account. */
async function shownRules(): Promise<{ name: string; cidrs: string[] }[]> {
  const shown = []
  for (let cursor = ''; ; ) {
    const { body } = await running.service.request('GET', `/databases?limit=100${cursor}`)
    const { data, nextCursor } = body as unknown as { data: Answer[]; nextCursor: string | null }
    for (const { id, database } of data) {
      const answer = await running.service.request('GET', `/databases/${id}/allowlist`)
      const { rules } = answer.body as unknown as { rules: { cidr: string }[] }
      shown.push({ name: database, cidrs: rules.map(({ cidr }) => cidr) })
    }
    if (nextCursor === null) return shown
    cursor = `&cursor=${nextCursor}`
  }
}

test.serial(
  'W17 the pool has exactly the rules that the API shows, and one local line per entry',
  async (t) => {
    const neighbour = await Neighbour.watch(bystander, running.service.ca)
    t.teardown(() => neighbour.stop())
    await create('w17-empty', [])
    await create('w17-mixed', [
      ...running.rulesFor(
        '203.0.113.9/24',
        '2001:DB8:0:0::1',
        '10.0.0.0/9',
        '10.1.2.3',
        '::ffff:198.51.100.7',
      ),
    ])
    await create('w17-wide', [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }], { allowWide: true })
    const changed = await create('w17-changed', running.rulesFor('192.0.2.0/25'))
    const rules = running.rulesFor('192.0.2.128/25')
    t.is((await running.service.request('PUT', `/databases/${changed.id}/allowlist`, { rules })).status, 200)

    const lines = await readHba()
    const shown = await shownRules()
    const wanted = shown.flatMap(({ name, cidrs }) =>
      [name, `${name}_session`].flatMap((entry) => cidrs.map((cidr) => `hostssl ${entry} ${name} ${cidr}`)),
    )
    const hosts = lines.filter(({ type }) => type !== 'local')
    t.true(wanted.length > 15)
    t.deepEqual(
      inOrder(hosts.map(({ type, entry, user, address }) => `${type} ${entry} ${user} ${address}`)),
      inOrder(wanted),
    )
    t.deepEqual(
      inOrder(lines.filter(({ type }) => type === 'local').map(({ entry, user }) => `${entry} ${user}`)),
      inOrder(shown.flatMap(({ name }) => [`${name} ${name}`, `${name}_session ${name}`])),
    )
    t.deepEqual((await neighbour.stop()).errors, [])
  },
)

test.serial('W17 no address of the platform is let in that the owner does not see', async (t) => {
  const secret = await create('w17-nobody', [])
  // The control plane proves logins by the pool's socket, so it needs no rule of its own, and has none.
  t.regex(await running.login(secret), /no authentication method/)
  const addresses = (await readHba()).filter(({ user }) => user === secret.database)
  t.deepEqual(
    addresses.map(({ type }) => type),
    ['local', 'local'],
  )
  for (const { address = '' } of await readHba()) t.notRegex(address, /^127\.|^::1\//)
})

test.serial('W17 a rule in the form of IPv6 lets in the IPv4 address that it names', async (t) => {
  const database = await create('w17-mapped', running.rulesFor(`::ffff:${client.address}`))
  for (const entry of [database.database, aliasOf(database)]) t.is(client.login(database, entry), 'in')
  const other = await create('w17-six-only', [{ cidr: '::/0' }], { allowWide: true })
  for (const entry of [other.database, aliasOf(other)]) {
    t.regex(client.login(other, entry), /no authentication method/, 'everybody of IPv6 is nobody of IPv4')
  }
})
