import { createHash } from 'node:crypto'
import { z } from 'zod'
import { changing, reading } from './collection.ts'
import { ApiError, invalid } from './errors.ts'
import { labels, name, nothing, renaming } from './fields.ts'
import type { SshKeyRecord } from './records.ts'
import { type Route, route } from './router.ts'
import type { World } from './world.ts'

const creating = z.strictObject({ name, public_key: z.string(), labels: labels.optional() })

const KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-\S+) ([A-Za-z0-9+/]+=*)(?:\s.*)?$/

/** MD5 of the key as bytes, in pairs with colons. */
function fingerprintOf(publicKey: string): string {
  const [, type = '', encoded = ''] = KEY.exec(publicKey.trim()) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  // A key says of which type it is once more, inside.
  const inner = bytes.length > 4 ? bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString() : undefined
  if (inner !== type) throw invalid('public_key', 'is no public SSH key')
  return createHash('md5').update(bytes).digest('hex').match(/../g)?.join(':') ?? ''
}

const view = ({ id, name, fingerprint, publicKey, labels, created }: SshKeyRecord): object => ({
  id,
  name,
  fingerprint,
  public_key: publicKey,
  labels,
  created,
})

export function sshKeyRoutes({ store }: World): Route[] {
  const table = store.sshKeys
  const keys = {
    table,
    many: 'ssh_keys',
    view,
    filters: { fingerprint: (row: SshKeyRecord, value: string) => row.fingerprint === value },
  }
  return [
    ...reading(keys),
    changing(keys, renaming),
    route('POST', '/ssh_keys', creating, ({ body }) => {
      const fingerprint = fingerprintOf(body.public_key)
      table.refuseTaken(body.name)
      if (table.all().some((row) => row.fingerprint === fingerprint)) {
        const details = { fields: [{ name: 'public_key' }] }
        throw new ApiError('uniqueness_error', 'a key with this fingerprint is there already', { details })
      }
      const row = table.add({ ...store.named(body), fingerprint, publicKey: body.public_key })
      return { status: 201, body: { ssh_key: view(row) } }
    }),
    route('DELETE', '/ssh_keys/:id', nothing, ({ id }) => {
      table.delete(table.need(id).id)
      return { status: 204 }
    }),
  ]
}
