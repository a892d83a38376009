import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { answerOf, pasted } from './asking.ts'
import { Clone, Command } from './clone.ts'
import { leftoversOf } from './leftovers.ts'

const clones = [Clone.make(), Clone.make()] as const
const commands: Command[] = []

test.after.always('nothing stays', async () => {
  for (const command of commands) await command.kill()
  for (const clone of clones) await clone.remove()
})

test.serial('two clones run side by side; a reset of one leaves the other alone', async (t) => {
  const [first, second] = clones
  commands.push(...(await Promise.all(clones.map((clone) => clone.start()))))
  t.not(first.id, second.id)
  t.not(first.facts.apiUrl, second.facts.apiUrl)
  t.is(pasted(commands[0]?.output ?? '', 'select 1'), '1')
  t.is(pasted(commands[1]?.output ?? '', 'select 2'), '2')

  const firstId = first.id
  t.is((await commands[0]?.interrupt())?.code, 0)
  t.is((await first.run('reset', '--yes')).code, 0)
  t.deepEqual(leftoversOf(firstId), [])
  t.is(await answerOf(second, 'select 3'), '3')
})

test.serial('a copied .dbhost gives no power over the installation that it was copied from', async (t) => {
  const [first, second] = clones
  cpSync(join(second.path, '.dbhost'), join(first.path, '.dbhost'), { recursive: true })
  const { code, output } = await first.run('reset', '--yes')
  t.is(code, 0)
  t.regex(output, /was copied from .*; what belongs to that folder stays/)
  t.is(await answerOf(second, 'select 4'), '4')
})

test.serial('a port that is asked for and taken is said in one sentence', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const { code, output } = await new Command(clones[0].path, ['start', '--port', `${port}`]).ended
  server.close()
  t.is(code, 1)
  t.regex(output, new RegExp(`\\nPort ${port} of 127.0.0.1 is taken: .*\\.\\n$`))
  t.is((await clones[0].run('reset', '--yes')).code, 0)
})

test.serial('the last reset leaves nothing', async (t) => {
  const { id } = clones[1]
  await commands[1]?.interrupt()
  t.is((await clones[1].run('reset', '--yes')).code, 0)
  t.deepEqual(leftoversOf(id), [])
})
