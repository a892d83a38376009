import test from 'ava'
import { readStanding } from '../host/host-facts.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'

let running: RunningService

const inOrder = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const request = (method: string, path: string, body?: unknown) => running.service.request(method, path, body)

test.before(async () => {
  running = await RunningService.start()
  await running.create('shop', { allowlist: running.rulesFor('203.0.113.2') })
  await running.createApart('neighbour')
})
test.after.always(async () => {
  await running?.remove()
})

test.serial('W17 the pool has exactly the rules of the API, and one local line per entry', async (t) => {
  const standing = await readStanding(running)
  const wanted: string[] = []
  const entries: string[] = []
  for (const { id, database } of (await listAll()) as Answer[]) {
    const { body } = await request('GET', `/databases/${id}/allowlist`)
    const { rules } = body as unknown as { rules: { cidr: string }[] }
    entries.push(database, `${database}_session`)
    for (const { cidr } of rules) wanted.push(`${database} ${cidr}`, `${database}_session ${cidr}`)
  }
  t.deepEqual(standing.hostRules, inOrder(wanted))
  t.deepEqual(standing.localRules, inOrder(entries))
})

test.serial(
  'W2 a superuser of one instance reaches nothing of another, of the pool or of the metadata',
  async (t) => {
    const attempts = {
      'files of others': 'ls /var/lib/pgi | wc -l',
      'sockets of others': 'ls /run/pgi | wc -l',
      pool: 'cat /etc/pgbouncer/pgbouncer.ini | wc -c',
      network: 'timeout 2 bash -c "echo >/dev/tcp/127.0.0.1/6432" && echo in || echo out',
      metadata: 'timeout 2 bash -c "echo >/dev/tcp/169.254.169.254/80" && echo in || echo out',
    }
    const programs = Object.values(attempts)
      .map((program) => `copy said from program $p$ ${program} 2>/dev/null || true $p$;`)
      .join('\n')
    const sql = `create temp table said (line text);\n${programs}\ntable said;\n`
    const text = await running.service.connection.run(
      {
        text: `instance=$(ls /run/pgi | head -1); psql -XAtq -h /run/pgi/$instance -U dbhost -d postgres -f -`,
        title: 'programs of a superuser',
      },
      { input: sql },
    )
    t.deepEqual(text.trim().split('\n'), ['1', '1', '0', 'out', 'out'])
  },
)

async function listAll(): Promise<unknown[]> {
  const { body } = await request('GET', '/databases?limit=100')
  return (body as unknown as { data: unknown[] }).data
}
