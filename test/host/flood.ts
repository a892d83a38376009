/**
 * A tenant who attacks the pool's memory: a program of its own, so that it runs at full speed beside the test. Reads one
 * `Flood` as JSON from standard input; prints for each connection `all sent`, or how it was ended.
 */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import pg from 'pg'
import type { Answer } from './service.ts'
import { messageHead, namedStatement, openTcp, startTls, startupMessage } from './wire.ts'

export interface Flood {
  /** `unfinished`: one Parse without its last bytes. `password`: the same before the login is done. */
  kind: 'statements' | 'unfinished' | 'password'
  login: Answer
  ca: string
  /** Taken in turn by the connections. */
  entries: string[]
  connections: number
  /** Statements of each connection. */
  count: number
  /** Of each statement or packet. */
  bytes: number
  /** How long each stays when it has sent all. */
  holdMs: number
}

async function logIn({ login, ca }: Flood, entry: string): Promise<TLSSocket> {
  const { host, port, username: user, password } = login
  const client = new pg.Client({ host, port, user, password, database: entry, ssl: { ca } })
  client.on('error', () => {})
  await client.connect()
  // From here on every byte is ours.
  const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection
  stream.removeAllListeners('data')
  return stream
}

async function startLogin({ login, ca }: Flood, entry: string): Promise<TLSSocket> {
  const socket = await startTls(await openTcp(login.host, login.port), login.host, ca)
  socket.write(startupMessage(login.username, entry))
  return socket
}

async function sendAll(socket: TLSSocket, { kind, count, bytes }: Flood): Promise<void> {
  const send = async (data: Buffer): Promise<void> => {
    if (socket.destroyed) throw new Error('closed')
    if (!socket.write(data)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
  if (kind === 'statements') {
    for (let index = 0; index < count; index++) await send(namedStatement(`s${index}`, bytes))
    return
  }
  await send(messageHead(kind === 'password' ? 'p' : 'P', bytes))
  const piece = Buffer.alloc(128 * 1024, 'x')
  for (let left = bytes - 100; left > 0; left -= piece.length) {
    await send(piece.subarray(0, Math.min(left, piece.length)))
  }
}

async function attack(flood: Flood, entry: string): Promise<string> {
  try {
    const socket = await (flood.kind === 'password' ? startLogin : logIn)(flood, entry)
    let told = ''
    socket.setMaxListeners(0)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      told = `${told}${data.toString('latin1')}`.slice(-100)
    })
    const closed = once(socket, 'close')
    const sent = sendAll(socket, flood).then(() => sleep(flood.holdMs))
    await Promise.race([sent.catch(() => closed), closed])
    const outcome = socket.destroyed ? `ended ${told.replaceAll(/[^ -~]+/g, ' ')}` : 'all sent'
    socket.destroy()
    return outcome
  } catch (error) {
    return `refused: ${String(error)}`
  }
}

const flood = JSON.parse(await text(process.stdin)) as Flood
const outcomes = Array.from({ length: flood.connections }, (_, index) =>
  attack(flood, flood.entries[index % flood.entries.length] ?? ''),
)
for (const outcome of await Promise.all(outcomes)) console.log(outcome)
process.exit(0)
