import type { ExecutionContext } from 'ava'
import { Client } from './client.ts'
import { HetznerEmulator } from './emulator.ts'

/** Public keys to be registered, and the server and the rule that most tests begin with. */
export const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsYVzKVqDYTVGJpdTGsqJPkRpFZgZvTbPDTXkb8xxxx someone'
export const OTHER_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsYVzKVqDYTVGJpdTGsqJPkRpFZgZvTbPDTXkb8yyyy someone'
export const SERVER = { name: 'one', server_type: 'cx23', image: 'debian-13', location: 'fsn1' }
export const SSH_RULE = {
  direction: 'in',
  protocol: 'tcp',
  port: '22',
  source_ips: ['2001:DB8:0::/32', '0.0.0.0/0'],
}

type Options = Parameters<typeof HetznerEmulator.start>[0]

/** An emulator of this test alone, whose actions take a millisecond. */
export async function started(
  t: ExecutionContext,
  options: Options = {},
): Promise<{ emulator: HetznerEmulator; api: Client }> {
  const emulator = await HetznerEmulator.start({ actionMs: 1, ...options })
  t.teardown(() => emulator.close())
  return { emulator, api: new Client(emulator) }
}
