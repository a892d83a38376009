import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const TOKEN = 'token-of-a-test'
const KEY = 'dbhost'
const NONCE = 12

/** The part of HashiCorp Vault that encrypts with a key which never leaves it: `transit`. */
export class KeyService {
  /** How often something was encrypted and decrypted. */
  readonly calls = { encrypt: 0, decrypt: 0 }
  readonly #key = randomBytes(32)
  readonly #server: Server

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const [, action] = new RegExp(`^/v1/transit/(encrypt|decrypt)/${KEY}$`).exec(request.url ?? '') ?? []
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      }
      const body = JSON.parse((await text(request)) || '{}') as { plaintext: string; ciphertext: string }
      if (request.headers['x-vault-token'] !== TOKEN) answer(403, { errors: ['permission denied'] })
      else if (action === 'encrypt') answer(200, { data: { ciphertext: this.#encrypt(body.plaintext) } })
      else if (action === 'decrypt') answer(200, { data: { plaintext: this.#decrypt(body.ciphertext) } })
      else answer(404, { errors: [] })
    })
  }

  static async start(): Promise<KeyService> {
    const service = new KeyService()
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    return service
  }

  /** As the engine takes it. */
  readonly url = `hashivault://${KEY}`

  get environment(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo
    return { VAULT_SERVER_URL: `http://127.0.0.1:${port}`, VAULT_SERVER_TOKEN: TOKEN }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #encrypt(plaintext: string): string {
    this.calls.encrypt += 1
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const parts = [nonce, cipher.update(plaintext, 'base64'), cipher.final()]
    return `vault:v1:${Buffer.concat([...parts, cipher.getAuthTag()]).toString('base64')}`
  }

  #decrypt(ciphertext: string): string {
    this.calls.decrypt += 1
    const all = Buffer.from(ciphertext.replace('vault:v1:', ''), 'base64')
    const decipher = createDecipheriv('aes-256-gcm', this.#key, all.subarray(0, NONCE))
    decipher.setAuthTag(all.subarray(-16))
    return Buffer.concat([decipher.update(all.subarray(NONCE, -16)), decipher.final()]).toString('base64')
  }
}
