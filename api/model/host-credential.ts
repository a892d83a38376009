import { defineEntity, p } from '@mikro-orm/core'
import { Host } from './host.ts'

/** The SSH key for a host, sealed so that only the worker can open it; the server may write it, not read it. */
const HostCredentialSchema = defineEntity({
  name: 'HostCredential',
  properties: {
    host: () => p.oneToOne(Host).primary(),
    sealedKey: p.text(),
    /** The private half of the host's own key, where we made it: a bought machine gets it at its first boot. */
    sealedHostKey: p.text().nullable(),
  },
})

/** Where the key is kept, without which nothing opens it. */
export const loginKeyContext = (hostId: string): string => `host:${hostId}:key`

export class HostCredential extends HostCredentialSchema.class {}
HostCredentialSchema.setClass(HostCredential)
