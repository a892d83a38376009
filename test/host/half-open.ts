/**
 * Holds logins that never end: a program of its own, so that it runs at full speed beside the test. Reads one `HalfOpen`
 * as JSON from standard input; opens each connection anew when it is closed, until standard input ends. Prints a line of
 * JSON with how many are held and how many were opened in all, four times a second.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from './service.ts'
import { openTcp, startTls, startupMessage } from './wire.ts'

export const STAGES = ['silent', 'handshake begun', 'no password'] as const

export interface HalfOpen {
  login: Answer
  ca: string
  /** Addresses of this computer, taken in turn. */
  from: string[]
  /** How many to hold at once; the stages are taken in turn. */
  connections: number
}

export interface Holding {
  held: number
  opened: number
}

const holding: Holding = { held: 0, opened: 0 }

async function holdOne({ login, ca, from }: HalfOpen, index: number): Promise<void> {
  const stage = STAGES[index % STAGES.length]
  const socket = await openTcp(login.host, login.port, from[index % from.length])
  const closed = once(socket, 'close')
  holding.held += 1
  holding.opened += 1
  try {
    if (stage === 'handshake begun') socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    if (stage === 'no password') {
      const tls = await startTls(socket, login.host, ca)
      tls.write(startupMessage(login.username, login.database))
      tls.resume()
    } else socket.resume()
    await closed
  } finally {
    socket.destroy()
    holding.held -= 1
  }
}

const lines = createInterface({ input: process.stdin })
const [first] = (await once(lines, 'line')) as [string]
lines.once('close', () => process.exit(0))
const task = JSON.parse(first) as HalfOpen
for (let index = 0; index < task.connections; index++) {
  void (async () => {
    for (;;) {
      await holdOne(task, index).catch(() => {})
      // A refused connection costs the attacker nothing; he tries on.
      await sleep(200)
    }
  })()
}
for (;;) {
  await sleep(250)
  console.log(JSON.stringify(holding))
}
