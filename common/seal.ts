import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { Secret } from './secret.ts'

/** Keys of 32 bytes by key id; `current` names the one that seals. Older ones stay for opening. */
export interface KeyRing {
  current: string
  keys: Record<string, Secret<Buffer>>
}

export function newKeyRing(): KeyRing {
  const id = randomBytes(4).toString('hex')
  return { current: id, keys: { [id]: new Secret(randomBytes(32)) } }
}

/** The text form of a ring, for a file of mode 0600. */
export function exportKeyRing(ring: KeyRing): string {
  const keys = Object.entries(ring.keys).map(([id, key]) => [id, key.reveal().toString('base64')])
  return JSON.stringify({ current: ring.current, keys: Object.fromEntries(keys) })
}

export function importKeyRing(text: string): KeyRing {
  const parsed = JSON.parse(text) as { current: string; keys: Record<string, string> }
  const keys = Object.entries(parsed.keys).map(([id, key]) => {
    const bytes = Buffer.from(key, 'base64')
    if (bytes.length !== 32) throw new Error(`key ${id} of the key ring is not 32 bytes long`)
    return [id, new Secret(bytes)] as const
  })
  const ring = { current: parsed.current, keys: Object.fromEntries(keys) }
  if (!ring.keys[ring.current]) throw new Error('the key ring does not hold its current key')
  return ring
}

function encrypt(key: Buffer, text: string, context: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${iv.toString('base64url')}.${sealed.toString('base64url')}`
}

function decrypt(key: Buffer, iv: string, sealed: string, context: string): string {
  const bytes = Buffer.from(sealed, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(-16))
  return decipher.update(bytes.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8')
}

/**
 * AES-256-GCM under the ring's current key: `v1.<key id>.<iv>.<ciphertext and tag>`.
 * @param context where the value belongs (`table:id:column`); opening it for another place fails
 */
export function seal(ring: KeyRing, secret: Secret, context: string): string {
  const key = ring.keys[ring.current]
  if (!key) throw new Error('the key ring does not hold its current key')
  return `v1.${ring.current}.${encrypt(key.reveal(), secret.reveal(), context)}`
}

/** @throws when the text is damaged, belongs to another context, or its key is not in the ring */
export function open(ring: KeyRing, sealed: string, context: string): Secret {
  const [version, id, iv, body] = sealed.split('.')
  if (version !== 'v1' || !id || !iv || !body) throw new Error('not a sealed value')
  const key = ring.keys[id]
  if (!key) throw new Error(`the key ring does not hold key ${id}`)
  return new Secret(decrypt(key.reveal(), iv, body, context))
}

/** A key pair for values that one program writes and only another may read (X25519). */
export function newBoxKeys(): { publicKey: string; privateKey: Secret } {
  const pair = generateKeyPairSync('x25519')
  return {
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    privateKey: new Secret(pair.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')),
  }
}

/** What seals for the holder of this private key. */
export const boxPublicKeyOf = (privateKey: Secret): string =>
  createPublicKey(readBoxPrivateKey(privateKey)).export({ type: 'spki', format: 'der' }).toString('base64')

const readBoxPrivateKey = (privateKey: Secret): KeyObject =>
  createPrivateKey({ key: Buffer.from(privateKey.reveal(), 'base64'), type: 'pkcs8', format: 'der' })

const boxKey = (shared: Buffer, ephemeral: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', shared, ephemeral, 'dbhost box', 32))

/** Seals for the holder of the private key; the writer itself cannot open it again. */
export function sealBox(publicKey: string, secret: Secret, context: string): string {
  const recipient = createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' })
  const ephemeral = generateKeyPairSync('x25519')
  const ephemeralDer = ephemeral.publicKey.export({ type: 'spki', format: 'der' })
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient })
  return `box1.${ephemeralDer.toString('base64url')}.${encrypt(boxKey(shared, ephemeralDer), secret.reveal(), context)}`
}

/** @throws when the text is damaged, belongs to another context, or was sealed for another key */
export function openBox(privateKey: Secret, sealed: string, context: string): Secret {
  const [version, ephemeral, iv, body] = sealed.split('.')
  if (version !== 'box1' || !ephemeral || !iv || !body) throw new Error('not a sealed box')
  const ephemeralDer = Buffer.from(ephemeral, 'base64url')
  const shared = diffieHellman({
    privateKey: readBoxPrivateKey(privateKey),
    publicKey: createPublicKey({ key: ephemeralDer, type: 'spki', format: 'der' }),
  })
  return new Secret(decrypt(boxKey(shared, ephemeralDer), iv, body, context))
}
