import test from 'ava'
import { droppingTable } from './forwarding.ts'
import { run } from './run.ts'

/** The ruleset of a network namespace of its own in which these commands were run. */
async function ruleset(...commands: string[]): Promise<string> {
  const script = ['set -e', ...commands, 'nft --json list ruleset'].join('\n')
  return await run(['unshare', '--net', 'sh', '-c', script])
}

const docker = [
  'nft add table ip filter',
  'nft "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"',
]

test('a firewall that lets packets through needs nothing', async (t) => {
  t.is(droppingTable(await ruleset()), undefined)
  const accepting = 'nft "add chain inet own f { type filter hook forward priority 0; policy accept; }"'
  t.is(droppingTable(await ruleset('nft add table inet own', accepting)), undefined)
})

test('a chain that drops is named, and what the sentence advises is enough', async (t) => {
  const sentence = droppingTable(await ruleset(...docker)) ?? ''
  t.regex(sentence, /table ip filter, chain FORWARD/)
  const advice = sentence.split('allow it with: ')[1] ?? ''
  t.is(droppingTable(await ruleset(...docker, advice)), undefined)
})
