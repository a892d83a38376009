import { readFile } from 'node:fs/promises'
import { attempt, run } from './run.ts'

interface Listed {
  chain?: { family: string; table: string; name: string; hook?: string; policy?: string }
  rule?: { family: string; table: string; expr: unknown }
}

const ANY_LINK = 've-d'

/**
 * What to do when a firewall of this computer drops what machines send to the outside; `undefined` when none does.
 * A packet must pass every table, so ours cannot allow what another one drops.
 */
export async function checkForwarding(): Promise<string | undefined> {
  const ruleset = await run(['nft', '--json', 'list', 'ruleset'])
  return droppingTable(ruleset) ?? (await droppingLegacyTable())
}

/** The sentence for a ruleset as `nft --json list ruleset` gives it. */
export function droppingTable(ruleset: string): string | undefined {
  const { nftables } = JSON.parse(ruleset) as { nftables: Listed[] }
  for (const { chain } of nftables) {
    if (chain?.hook !== 'forward' || chain.policy !== 'drop') continue
    const { family, table, name } = chain
    if (!['ip', 'inet'].includes(family) || table.startsWith('dbhost_')) continue
    const opened = nftables.some(
      ({ rule }) =>
        rule?.family === family && rule.table === table && JSON.stringify(rule.expr).includes(`"${ANY_LINK}`),
    )
    if (opened) continue
    const rule = (text: string): string => `nft insert rule ${family} ${table} ${name} ${text}`
    return (
      `this computer's firewall (table ${family} ${table}, chain ${name}) drops what local machines send; allow ` +
      `it with: ${rule(`'iifname "${ANY_LINK}*" accept'`)} && ` +
      `${rule(`'oifname "${ANY_LINK}*" ct state established,related accept'`)}`
    )
  }
  return undefined
}

// Rules of the older iptables live beside nftables and are not in its ruleset.
async function droppingLegacyTable(): Promise<string | undefined> {
  const tables = await readFile('/proc/net/ip_tables_names', 'utf8').catch(() => '')
  if (!tables.split('\n').includes('filter')) return undefined
  const listed = await attempt(['iptables-legacy', '-S']).catch(() => undefined)
  if (!listed || !/^-P FORWARD DROP$/m.test(listed.stdout) || listed.stdout.includes(` ${ANY_LINK}`)) {
    return undefined
  }
  const rule = (text: string): string => `iptables-legacy -I FORWARD ${text} -j ACCEPT`
  return (
    "this computer's firewall (iptables, chain FORWARD) drops what local machines send; allow it with: " +
    `${rule(`-i ${ANY_LINK}+`)} && ${rule(`-o ${ANY_LINK}+ -m conntrack --ctstate ESTABLISHED,RELATED`)}`
  )
}
