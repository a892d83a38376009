import test from 'ava'
import { tableText } from './firewall.ts'
import { run } from './run.ts'

test('nft takes the table with any number of machines, again and again', async (t) => {
  const script = 'nft -f - && nft list table inet dbhost_abc123'
  for (const networks of [[], ['198.18.0.0/30'], ['198.18.0.2/30', '198.18.0.6/30']]) {
    const text = tableText('abc123', networks)
    const listed = await run(['unshare', '--net', 'sh', '-c', script], { input: text + text })
    t.regex(listed, /oifname "ve-dabc123\*" drop/)
    t.is(listed.match(/198\.18\.0\.\d\/30/g)?.length ?? 0, networks.length)
  }
})
