import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RUNTIME_DIRECTORY, withLock } from './lock.ts'
import { listMachines } from './machine.ts'
import { linkPattern, PREFIX4 } from './network.ts'
import { run } from './run.ts'

const FORWARDING = '/proc/sys/net/ipv4/ip_forward'
const switchedOn = join(RUNTIME_DIRECTORY, 'ip_forward')

const tableName = (installation: string): string => `dbhost_${installation}`

/**
 * The table of one installation: its machines reach what this computer reaches, under this computer's address,
 * and nobody opens a connection into them through this computer (a client on it is not forwarded).
 * @param networks the machines' IPv4 networks
 */
export function tableText(installation: string, networks: readonly string[]): string {
  const table = `inet ${tableName(installation)}`
  const links = linkPattern(installation)
  const elements = networks.length > 0 ? `elements = { ${networks.join(', ')} }` : ''
  return `table ${table} {}
delete table ${table}
table ${table} {
  set machines { type ipv4_addr; flags interval; ${elements} }
  chain forward {
    type filter hook forward priority filter - 1; policy accept;
    oifname "${links}" ct state established,related accept
    oifname "${links}" drop
    iifname "${links}" ip saddr != @machines drop
    iifname "${links}" meta nfproto ipv6 drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @machines oifname != "${links}" masquerade
  }
}
`
}

/** Puts the table in force for the machines that the installation has now, and switches IPv4 forwarding on. */
export async function applyOuterFirewall(installation: string, stateDirectory: string): Promise<void> {
  await withLock('firewall', async () => {
    const machines = await listMachines(stateDirectory)
    const networks = machines.map((machine) => `${machine.address4}/${PREFIX4}`)
    // The table comes first: forwarding is never on while it does not stand.
    await run(['nft', '-f', '-'], { input: tableText(installation, networks) })
    if ((await readFile(FORWARDING, 'utf8')).trim() !== '0') return
    await mkdir(RUNTIME_DIRECTORY, { recursive: true })
    await writeFile(switchedOn, '0\n')
    await writeFile(FORWARDING, '1\n')
  })
}

/** Removes the table; the last installation's also puts IPv4 forwarding back as it was found. */
export async function removeOuterFirewall(installation: string): Promise<void> {
  await withLock('firewall', async () => {
    const table = `inet ${tableName(installation)}`
    await run(['nft', '-f', '-'], { input: `table ${table} {}\ndelete table ${table}\n` })
    if (!existsSync(switchedOn) || (await firewalledInstallations()).length > 0) return
    await writeFile(FORWARDING, '0\n')
    await rm(switchedOn)
  })
}

/** The installations on this computer whose table stands. */
export async function firewalledInstallations(): Promise<string[]> {
  const tables = await run(['nft', 'list', 'tables'])
  return [...tables.matchAll(/^table inet dbhost_([a-z0-9]{6})$/gm)].map(([, id]) => `${id}`)
}
