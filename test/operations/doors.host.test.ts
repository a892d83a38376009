import test from 'ava'
import { RunningService } from '../host/running-service.ts'

let running: RunningService

test.before(async () => {
  running = await RunningService.start()
  await running.create('shop', { allowlist: running.rulesFor('203.0.113.2') })
  await running.createApart('neighbour')
})
test.after.always(async () => {
  await running?.remove()
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
