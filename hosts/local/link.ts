import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LocalMachine } from './machine.ts'
import { linkPattern, PREFIX4, PREFIX6 } from './network.ts'
import { underSystemd } from './nspawn.ts'
import { attempt, run } from './run.ts'

export const linkExists = (link: string): boolean => existsSync(`/sys/class/net/${link}`)

/** The links of an installation that exist now. */
export const linksOf = (installation: string): string[] =>
  readdirSync('/sys/class/net').filter((name) => name.startsWith(linkPattern(installation).slice(0, -1)))

/** Gives this computer's end of a running machine's link its addresses; does nothing where they are right. */
export async function addressLink({ link, outer4, outer6 }: LocalMachine): Promise<void> {
  const disabled = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`
  await run(['ip', 'address', 'replace', `${outer4}/${PREFIX4}`, 'dev', link])
  if (existsSync(disabled)) {
    await writeFile(disabled, '0')
    await run(['ip', 'address', 'replace', `${outer6}/${PREFIX6}`, 'dev', link, 'nodad'])
  }
  await run(['ip', 'link', 'set', link, 'up'])
}

/** Removes a link; one that is not there is no error. */
export async function removeLink(link: string): Promise<void> {
  if (!linkExists(link)) return
  await attempt(['ip', 'link', 'delete', link])
  if (linkExists(link)) throw new Error(`the network link ${link} cannot be removed`)
}

const unmanaged = (installation: string): string => `/run/systemd/network/05-dbhost-${installation}.network`

// systemd-networkd comes with a file that gives every nspawn link an address and a DHCP server of its own.
/** Keeps this computer's systemd-networkd away from the links of an installation. */
export async function keepLinksUnmanaged(installation: string): Promise<void> {
  const file = unmanaged(installation)
  if (!underSystemd() || existsSync(file)) return
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `[Match]\nName=${linkPattern(installation)}\n\n[Link]\nUnmanaged=yes\n`)
  await attempt(['networkctl', 'reload'])
}

/** Undoes `keepLinksUnmanaged`. */
export async function forgetLinks(installation: string): Promise<void> {
  if (!existsSync(unmanaged(installation))) return
  await rm(unmanaged(installation), { force: true })
  await attempt(['networkctl', 'reload'])
}
