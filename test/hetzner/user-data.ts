import { Block, template } from '../../provisioner/render.ts'

export interface HostKeyPair {
  privateKey: string
  /** `ssh-ed25519 AAAA…` */
  publicKey: string
}

const PRIVATE = / ed25519_private: \|\n((?: {4}\S.*\n)+)/
const PUBLIC = / ed25519_public: (\S.*)\n/

/** What our stack's user data has cloud-init do. Throws at anything that it would not do for other user data. */
export function hostKeyOf(userData: string): HostKeyPair {
  const lines = (PRIVATE.exec(userData)?.[1] ?? '').trim().split(/\n {4}/)
  const publicKey = PUBLIC.exec(userData)?.[1] ?? ''
  const understood = template('cloud/user-data.yaml', {
    hostPrivateKey: new Block(lines),
    hostPublicKey: publicKey,
  })
  if (understood !== userData) throw new Error('user data of other form than templates/cloud/user-data.yaml')
  return { privateKey: lines.join('\n'), publicKey }
}
