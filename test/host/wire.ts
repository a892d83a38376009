import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'

/** The head of a message of this many bytes, whatever follows. */
export function messageHead(type: string, bytes: number): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(bytes, 1)
  return head
}

/** Parse of a statement of its own text under a name, and Flush. */
export function namedStatement(name: string, bytes: number): Buffer {
  const text = `select 1 /* ${name} ${'x'.repeat(bytes)} */`
  const body = Buffer.concat([Buffer.from(`${name}\0${text}\0`), Buffer.alloc(2)])
  return Buffer.concat([messageHead('P', body.length + 4), body, messageHead('H', 4)])
}

/** The first message of a login. */
export function startupMessage(user: string, database: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8)
  head.writeUInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

/** A TCP connection; errors are events that nobody has to hear. */
export async function openTcp(host: string, port: number, from?: string): Promise<Socket> {
  const socket = connectTcp({ host, port, ...(from !== undefined && { localAddress: from }) })
  socket.on('error', () => {})
  await Promise.race([
    once(socket, 'connect'),
    once(socket, 'close').then(() => Promise.reject(new Error('no TCP connection'))),
  ])
  return socket
}

/** Asks for TLS over it, as PostgreSQL's clients do, and shakes hands. */
export async function startTls(socket: Socket, host: string, ca: string): Promise<TLSSocket> {
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
  await Promise.race([
    once(socket, 'data'),
    once(socket, 'close').then(() => Promise.reject(new Error('closed before TLS'))),
  ])
  const tls = connectTls({ socket, ca, host })
  tls.on('error', () => {})
  await Promise.race([
    once(tls, 'secureConnect'),
    once(tls, 'close').then(() => Promise.reject(new Error('closed in the TLS handshake'))),
  ])
  return tls
}
