import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { applyOuterFirewall } from './firewall.ts'
import { addressLink, keepLinksUnmanaged, linkExists, removeLink } from './link.ts'
import { withLock } from './lock.ts'
import { makeLoopNodes } from './loop.ts'
import { type LocalMachine, machineLock } from './machine.ts'
import { findProcesses } from './machine-process.ts'
import { consoleLog, launch } from './nspawn.ts'
import { writeResolvers } from './resolvers.ts'
import { tail } from './run.ts'
import { halt, machineState } from './stop.ts'

export interface BootOptions {
  /** Milliseconds until a machine that does not answer on SSH counts as failed; a minute by default. */
  deadlineMs?: number
}

/**
 * Makes a machine run and answer on SSH. One that runs already is kept; what is wrong around it is put right.
 * @throws with the end of the console log when it does not answer in time
 */
export async function bootMachine(machine: LocalMachine, options: BootOptions = {}): Promise<void> {
  await withLock(machineLock(machine), async () => {
    const deadline = Date.now() + (options.deadlineMs ?? 60_000)
    await applyOuterFirewall(machine.installation, machine.stateDirectory)
    if (machineState(machine) === 'stopped') await start(machine, deadline)
    await addressLink(machine)
    await answered(machine, deadline)
  })
}

async function start(machine: LocalMachine, deadline: number): Promise<void> {
  await halt(machine)
  await removeLink(machine.link)
  await keepLinksUnmanaged(machine.installation)
  await makeLoopNodes()
  await writeResolvers(machine.root)
  await launch(machine)
  await until(machine, deadline, () => linkExists(machine.link))
}

const answered = (machine: LocalMachine, deadline: number): Promise<void> =>
  until(machine, deadline, () => greets(machine.address4))

async function until(
  machine: LocalMachine,
  deadline: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const patience = Date.now() + 5000
  let seen = false
  while (!(await condition())) {
    // A launch takes a moment until its process is to be seen.
    const there = findProcesses(machine.root).supervisor !== undefined
    seen ||= there
    const gone = !there && (seen || Date.now() > patience)
    if (gone || Date.now() > deadline) {
      const log = await readFile(consoleLog(machine), 'utf8').catch(() => '')
      const what = gone ? 'ended while it booted' : 'does not answer on SSH'
      throw new Error(`the machine ${machine.hostname} ${what}; its console says: ${tail(log.trim(), 1500)}`)
    }
    await sleep(50)
  }
}

/** Does an SSH server send its banner at this address within a second? */
function greets(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 1000 })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (data) => end(data.toString().startsWith('SSH-2.0'))())
    socket.once('error', end(false)).once('timeout', end(false)).once('close', end(false))
  })
}
