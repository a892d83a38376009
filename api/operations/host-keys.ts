import type { EntityManager } from '@mikro-orm/postgresql'
import { boxPublicKeyOf, openBox, sealBox } from '../../common/seal.ts'
import type { Secret } from '../../common/secret.ts'
import type { CloudIdentity } from '../../hosts/host-spec.ts'
import { newSshKeyPair } from '../../provisioner/ssh-keys.ts'
import { Host } from '../model/host.ts'
import { HostCredential, loginKeyContext } from '../model/host-credential.ts'

const ownContext = (hostId: string): string => `host:${hostId}:host-key`

/** The SSH key that opens a host. @param boxKey of the worker */
export async function openHostKey(em: EntityManager, boxKey: Secret, { id }: Host): Promise<Secret> {
  const { sealedKey } = await em.fork().findOneOrFail(HostCredential, { host: id })
  return openBox(boxKey, sealedKey, loginKeyContext(id))
}

/** The private half of what a bought machine proves itself with. */
export async function openOwnKey(em: EntityManager, boxKey: Secret, { id }: Host): Promise<Secret> {
  const { sealedHostKey } = await em.fork().findOneOrFail(HostCredential, { host: id })
  if (!sealedHostKey) throw new Error('the keys of this host were not made here')
  return openBox(boxKey, sealedHostKey, ownContext(id))
}

/** Makes the keys of a machine that is to be bought, once. */
export async function makeHostKeys(
  em: EntityManager,
  boxKey: Secret,
  { id }: Host,
  installation: string,
): Promise<CloudIdentity> {
  const [login, own] = [newSshKeyPair(), newSshKeyPair()]
  const publicKey = boxPublicKeyOf(boxKey)
  return await em.fork().transactional(async (tx) => {
    const host = await tx.findOneOrFail(Host, { id }, { lockMode: 4 })
    if (host.cloudIdentity) return host.cloudIdentity
    await tx.upsert(HostCredential, {
      host: id,
      sealedKey: sealBox(publicKey, login.privateKey, loginKeyContext(id)),
      sealedHostKey: sealBox(publicKey, own.privateKey, ownContext(id)),
    })
    host.cloudIdentity = { installation, loginKey: login.publicKey, hostKey: own.publicKey }
    return host.cloudIdentity
  })
}
