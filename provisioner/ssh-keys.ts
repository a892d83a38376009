// biome-ignore lint/correctness/noUnresolvedImports: not all that a CommonJS module exports can be imported by name
import ssh2 from 'ssh2'
import { Secret } from '../common/secret.ts'

export interface SshKeyPair {
  /** `ssh-ed25519 <base64>`. */
  publicKey: string
  /** In the form that OpenSSH writes. */
  privateKey: Secret
}

export function newSshKeyPair(): SshKeyPair {
  const pair = ssh2.utils.generateKeyPairSync('ed25519')
  return { publicKey: pair.public, privateKey: new Secret(pair.private) }
}
