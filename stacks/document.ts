import { createHash } from 'node:crypto'
import type {
  CloudIdentity,
  CloudSpec,
  EdgeSpec,
  HostAccess,
  HostKind,
  HostSpec,
} from '../hosts/host-spec.ts'

/**
 * What a host must be, whole: the only input of its stack, the same for the worker and for `pulumi up` by hand. Holds
 * no secret.
 */
export interface HostDocument {
  /** Of this form. */
  version: 1
  id: string
  name: string
  kind: HostKind
  /** Grows with every change of the document; an older one than the host has seen is refused there. */
  revision: number
  spec: EdgeSpec
  /** Null: a machine that is still to be bought; its edge follows when it can be reached. */
  access: HostAccess | null
  /** What is bought for it; null where its machine is somebody's already. */
  cloud: CloudDocument | null
  /** The networks that the firewall lets through to the pool: canonical CIDRs, sorted. */
  allow: string[]
  /** It holds a database: nothing of it may be destroyed. */
  holdsDatabases: boolean
  /** Digest of the edge as the control plane's code makes it; null before its first converge. */
  edgeDigest: string | null
}

/** What is bought, for whom, and the public halves of the keys that were made for it. */
export type CloudDocument = CloudSpec & CloudIdentity

/** What a document is made from. */
export interface DocumentSource {
  id: string
  name: string
  revision: number
  spec: HostSpec
  access: HostAccess | null
  cloud?: CloudDocument | null | undefined
  allow: readonly string[]
  databases: number
  edgeDigest?: string | null | undefined
}

export function hostDocument(source: DocumentSource): HostDocument {
  const { id, name, revision, spec, access, cloud, allow, databases, edgeDigest } = source
  const { roles, addresses, controlPlane, ports, extras, kind } = spec
  return {
    version: 1,
    ...{ id, name, kind, revision },
    access: access && {
      address: access.address,
      port: access.port,
      user: access.user,
      hostKey: access.hostKey,
    },
    cloud: cloud ?? null,
    edgeDigest: edgeDigest ?? null,
    spec: { roles, addresses, controlPlane, ports, ...(extras ? { extras } : {}) },
    allow: [...new Set(allow)].toSorted(),
    holdsDatabases: databases > 0,
  }
}

/** Of everything that a stack makes something of; its revision is not part of it. */
export function documentDigest({ revision: _, ...rest }: HostDocument): string {
  return createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 16)
}

/** Reads the text of a document. @throws saying what is wrong with it */
export function parseDocument(text: string): HostDocument {
  const document = JSON.parse(text) as HostDocument
  if (document.version !== 1) {
    throw new Error(
      'The host document is of another form: update this checkout to the version of the service.',
    )
  }
  return document
}
