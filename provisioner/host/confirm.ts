import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, locked } from '../shell.ts'
import { type HostConnection, HostError } from '../ssh.ts'

/** The host undoes an unconfirmed step after 60 s; what is tried later finds that done. */
const DEADLINE_MS = 90_000
const PAUSE_MS = 1_000

/**
 * Runs a command over a connection that begins now: the proof that a change of the firewall lets the control plane
 * in. @throws HostError of kind exit where only the rules before it let one through
 */
export async function confirmFromOutside(connection: HostConnection, command: Command): Promise<void> {
  const fresh = await reopened(connection)
  try {
    await fresh.run(locked(command))
  } catch (error) {
    if (!(error instanceof HostError) || error.kind !== 'exit') throw error
    const told = `The new firewall let no new connection of the control plane in, so the host went back (${error.stderr}).`
    throw new HostError('exit', told, { cause: error, stderr: error.stderr })
  } finally {
    fresh.close()
  }
}

async function reopened(connection: HostConnection): Promise<HostConnection> {
  const end = Date.now() + DEADLINE_MS
  for (;;) {
    try {
      return await connection.reopen()
    } catch (error) {
      if (!(error instanceof HostError) || Date.now() > end) throw error
      await sleep(PAUSE_MS)
    }
  }
}
