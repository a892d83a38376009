import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { Namespace } from './host/namespace.ts'
import { testInstallation } from './installation.ts'
import { removeLeftovers } from './leftovers.ts'

/** An installation with a machine that runs and a client, made by a process that then waits. */
const PROGRAM = `
import { testInstallation } from './test/installation.ts'
import { Namespace } from './test/host/namespace.ts'
const installation = await testInstallation()
await installation.boot('left')
new Namespace(installation.id, 40, '')
console.log(installation.id)
setInterval(() => {}, 1000)
`

test('what a killed run left is taken away, what another has stays', async (t) => {
  const own = await testInstallation()
  t.teardown(own.remove)
  await own.boot('own')
  const client = new Namespace(own.id, 41, '')
  t.teardown(() => client.remove())
  const run = spawn('node', ['--input-type=module-typescript', '--eval', PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [id] = (await once(createInterface({ input: run.stdout }), 'line')) as [string]
  spawnSync('/usr/sbin/ip', ['netns', 'add', 'tnobody1'])
  t.teardown(() => spawnSync('/usr/sbin/ip', ['netns', 'del', 'tnobody1']))
  spawnSync('/usr/sbin/ip', [
    ...['link', 'add', 'tnobody1o', 'type', 'veth', 'peer', 'name', 'tnobody1i', 'netns', 'tnobody1'],
  ])
  const links = () => spawnSync('/usr/sbin/ip', ['-o', 'link'], { encoding: 'utf8' }).stdout
  await removeLeftovers(() => {})
  t.true(links().includes(`t${id}40o`))
  t.false(links().includes('tnobody1o'), 'the client of an installation that is gone')

  run.kill('SIGKILL')
  await once(run, 'exit')
  const told: string[] = []
  await removeLeftovers((line) => told.push(line))
  t.deepEqual(told, [`Removing the machines ${id} of a test that was killed`])
  t.false(links().includes(id))
  t.false(existsSync(join('/var/lib/dbhost', id)))
  t.true(links().includes(`t${own.id}41o`))
  t.true(existsSync(join('/var/lib/dbhost', own.id, 'machines')))
})
