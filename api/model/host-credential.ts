import { defineEntity, p } from '@mikro-orm/core'
import { Host } from './host.ts'

/** The SSH key for a host, sealed so that only the worker can open it; the server may write it, not read it. */
const HostCredentialSchema = defineEntity({
  name: 'HostCredential',
  properties: {
    host: () => p.oneToOne(Host).primary(),
    sealedKey: p.text(),
  },
})

export class HostCredential extends HostCredentialSchema.class {}
HostCredentialSchema.setClass(HostCredential)
