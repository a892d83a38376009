import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type MachineAddresses, PREFIX4, PREFIX6 } from './network.ts'
import { run } from './run.ts'

interface Tree extends MachineAddresses {
  root: string
  hostname: string
}

/**
 * Gives a copy of the image what makes it one particular machine: name, addresses, keys.
 * @returns its host key, given or made here so that nobody ever has to accept one
 */
export async function furnishTree(
  tree: Tree,
  authorizedKey: string,
  hostPrivateKey?: string,
): Promise<string> {
  const put = async (path: string, text: string, mode = 0o644): Promise<void> =>
    await writeFile(join(tree.root, path), text, { mode })
  await put('etc/machine-id', `${randomBytes(16).toString('hex')}\n`)
  await put('etc/hostname', `${tree.hostname}\n`)
  await put('etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${tree.hostname}\n::1 localhost\n`)
  await put('etc/systemd/network/10-host0.network', networkText(tree))
  await put('etc/ssh/sshd_config.d/10-host-key.conf', 'HostKey /etc/ssh/ssh_host_ed25519_key\n')
  await mkdir(join(tree.root, 'root/.ssh'), { recursive: true, mode: 0o700 })
  await put('root/.ssh/authorized_keys', `${authorizedKey.trim()}\n`, 0o600)
  const key = join(tree.root, 'etc/ssh/ssh_host_ed25519_key')
  if (hostPrivateKey === undefined) {
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', tree.hostname, '-f', key])
  } else {
    await put('etc/ssh/ssh_host_ed25519_key', `${hostPrivateKey.trim()}\n`, 0o600)
    await put('etc/ssh/ssh_host_ed25519_key.pub', await run(['ssh-keygen', '-y', '-P', '', '-f', key]))
  }
  const [type, text] = (await readFile(`${key}.pub`, 'utf8')).trim().split(' ')
  return `${type} ${text}`
}

// The name must sort before systemd's own 80-container-host0.network. IPv6 has no way out: the machine is
// reached over it from this computer, and everything outside is reached over IPv4.
function networkText({ address4, address6, outer4 }: MachineAddresses): string {
  return `[Match]
Name=host0

[Network]
DHCP=no
IPv6AcceptRA=no
LLDP=no
EmitLLDP=no
Address=${address4}/${PREFIX4}
Gateway=${outer4}

[Address]
Address=${address6}/${PREFIX6}
DuplicateAddressDetection=none
`
}
