import test from 'ava'
import { converge, setReserve } from '../host/converge.ts'
import { DiskAttack } from '../host/disk-attack.ts'
import { Neighbour } from '../host/neighbour.ts'
import { RunningService } from '../host/running-service.ts'
import type { Answer } from '../host/service.ts'
import { until } from '../host/until.ts'

const NAME = 'w1-growing'

let running: RunningService
let attack: DiskAttack
const more: Answer[] = []

test.before(async () => {
  running = await RunningService.shared()
  attack = await DiskAttack.make(running, NAME)
})
test.beforeEach(() => attack.watchNeighbour())
test.afterEach.always(async (t) => {
  t.deepEqual(await attack.neighbourErrors(), [])
})
test.after.always(async () => {
  if (attack) await setReserve(running, null)
  await attack?.remove(...more)
  await running?.remove()
})

const grow = (size: string) => {
  const host = running.service.host.name
  return running.clone.run('admin', 'project', 'grow', NAME, '--host', host, '--size', size)
}

test.serial('W1 storage grows while its project writes', async (t) => {
  const { a, project } = attack
  const capabilities = await project.host(`sed -n 's/^CapBnd:\\t//p' /proc/self/status`)
  const online = (BigInt(`0x${capabilities.trim()}`) >> 24n) % 2n === 1n
  const writer = await Neighbour.watch(a, running.service.ca)
  const { code, output } = await grow('1GiB')
  await writer.stop()
  t.is(code, 0, output)
  t.is((await project.storage()).size, 1024 ** 3)
  const blocks = await project.host(`stat -f -c '%b %S' /var/lib/pgi/${project.instance}`)
  const [count = 0, size = 0] = blocks.split(' ').map(Number)
  t.true(count * size > 900 * 1024 ** 2)
  // Without CAP_SYS_RESOURCE the kernel refuses: then, and only then, the project's own sessions end once.
  if (online) t.deepEqual(writer.errors, [])
  const { commit, login } = writer.slowest
  t.log(
    online ? 'online' : `with a restart: ${writer.errors.length} errors, at most ${commit} and ${login} ms`,
  )
  t.is(await attack.isOpen(), true)
})

test.serial('W1 storage is never made smaller', async (t) => {
  const { code, output } = await grow('700MiB')
  t.not(code, 0)
  t.regex(output, /never made smaller/)
})

test.serial(
  'W1 who fills the disk of the host is stopped alone, and started when there is room',
  async (t) => {
    const { a, b, project } = attack
    const socket = `/run/pgi/${project.instance}/.s.PGSQL.5432`
    const runs = async (): Promise<boolean> => (await project.host(`test ! -S ${socket} || echo yes`)) !== ''
    // Beyond what is free now and soon: on a computer that others write to as well, only who grew decides.
    const free = await project.host(`echo $(($(stat -f -c '%a * %S' /var/lib/pgi-images)))`)
    await setReserve(running, Number(free) + 50 * 1024 ** 3)
    await project.fill(a)
    await until('the stop', async () => !(await runs()))
    t.is((await project.storage()).state, 'held')
    await converge(running)
    t.is((await attack.shown(a)).status, 'storage-held')
    t.false(await runs())
    const refused = await running.service.request('POST', '/databases', { name: 'w1-more', project: NAME })
    t.is(refused.status, 502)
    t.regex(refused.body.detail ?? '', /operator must make room/)
    t.is(await attack.answer(b), 'in')
    const { data } = (await running.service.request('GET', '/databases')).body as unknown as {
      data: Answer[]
    }
    more.push(...data.filter(({ database }) => database.startsWith('w1_more')))
    t.is(more.length, 1)

    await setReserve(running, null)
    await until('the start', runs)
    if ((await attack.isOpen()) === true) await attack.run('truncate fill')
    else await attack.cleanUp()
    await until('the opening', () => attack.isOpen())
  },
)

test.serial(
  'W1 an instance without databases leaves the host with the next converge, and comes back',
  async (t) => {
    const { a, sibling, project } = attack
    const { instance } = project
    const places = `/var/lib/pgi*/${instance}* /etc/systemd/system/*${instance}*`
    const standing = async (): Promise<string> =>
      (await project.host(`ls -d ${places} 2>/dev/null; id -un pgi-${instance} 2>/dev/null; true`)).trim()
    // What a worker that was held up would send after another has made a database.
    await t.throwsAsync(project.host(`/usr/local/lib/dbhost/instance-storage remove ${instance}`), {
      message: /holds databases and stays/,
    })
    await running.delete(a, sibling, ...more)
    t.not(await standing(), '')
    t.regex(await converge(running), /holds no database any more/)
    t.is(await standing(), '')
    t.regex(await converge(running), /tenants: no change/)

    const next = await running.create('w1-next', { project: NAME })
    t.is(await attack.answer(next), 'in')
    await running.delete(next)
    // In the same moment as the converge that would remove it.
    const [, again] = await Promise.all([converge(running), running.create('w1-again', { project: NAME })])
    more.splice(0, more.length, again)
    await converge(running)
    t.is(await attack.answer(again), 'in')
  },
)
