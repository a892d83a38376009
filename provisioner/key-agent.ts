import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
// biome-ignore lint/correctness/noUnresolvedImports: not all that a CommonJS module exports can be imported by name
import ssh2, { type ParsedKey } from 'ssh2'
import { messageOf } from '../common/errors.ts'
import type { Secret } from '../common/secret.ts'

export interface KeyAgent {
  /** For `SSH_AUTH_SOCK`. */
  socket: string
  close: () => void
}

/**
 * An SSH agent with one key, for the programs that a stack operation starts: they can use the key and cannot read it,
 * and it ends with this process.
 * @param directory where its socket gets a folder of its own, which only this user may enter
 */
export async function serveKey(directory: string, privateKey: Secret): Promise<KeyAgent> {
  const parsed = ssh2.utils.parseKey(privateKey.reveal())
  if (parsed instanceof Error) throw new Error(`The SSH key of the host cannot be read: ${messageOf(parsed)}`)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (!key) throw new Error('The SSH key of the host is empty.')
  const folder = mkdtempSync(join(directory, 'agent-'))
  const socket = join(folder, 'socket')
  const server = createServer((client) => answer(client, key))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve))
  return {
    socket,
    close: () => {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function answer(client: Socket, key: ParsedKey): void {
  const protocol = new ssh2.AgentProtocol(false)
  protocol.on('identities', (request) => protocol.getIdentitiesReply(request, [key]))
  protocol.on('sign', (request, _publicKey, data, { hash }) => {
    const signature = key.sign(data, hash)
    if (signature instanceof Error) protocol.failureReply(request)
    else protocol.signReply(request, signature)
  })
  client.on('error', () => client.destroy())
  protocol.on('error', () => client.destroy())
  client.pipe(protocol).pipe(client)
}
