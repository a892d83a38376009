import test from 'ava'
import { sh } from '../../provisioner/shell.ts'
import { RunningService } from '../host/running-service.ts'

let running: RunningService

test.before(async () => {
  running = await RunningService.shared()
})
test.after.always(() => running.remove())

test.serial('a change of the pool leaves the PgBouncer that tried its files nowhere', async (t) => {
  await running.delete(await running.createApart('tried'))
  const said = await running.service.connection.run(sh`ps -C pgbouncer -o args=`)
  t.deepEqual(said.trim().split('\n'), ['/usr/sbin/pgbouncer /etc/pgbouncer/pgbouncer.ini'])
})
