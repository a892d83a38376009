import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { applyOuterFirewall, firewalledInstallations, removeOuterFirewall } from './firewall.ts'
import { IMAGE_CACHE } from './image.ts'
import { forgetLinks, linksOf, removeLink } from './link.ts'
import { removeLocks, withLock } from './lock.ts'
import { detachLoops, removeLoopNodes } from './loop.ts'
import {
  INSTALLATIONS,
  type LocalMachine,
  listMachines,
  type MachinePlace,
  machineLock,
  machinePlace,
  machinesDirectory,
} from './machine.ts'
import { supervisedRoots } from './machine-process.ts'
import { run } from './run.ts'
import { powerOff } from './stop.ts'

const DEADLINE_MS = 10_000

/** Stops a machine and removes everything that is its own. One that is not there is no error. */
export async function removeMachine(machine: LocalMachine): Promise<void> {
  await removePlace(machine)
  if (existsSync(machinesDirectory(machine.stateDirectory))) {
    await applyOuterFirewall(machine.installation, machine.stateDirectory)
  }
}

async function removePlace(place: MachinePlace): Promise<void> {
  await withLock(machineLock(place), async () => {
    await powerOff(place, DEADLINE_MS)
    await removeLink(place.link)
    await detachLoops([place.root])
    await unmountBelow(place.directory)
    // Without its file the machine does not exist; what a kill leaves after this goes with the next creation.
    await rm(`${place.directory}.json`, { force: true })
    await run(['rm', '--recursive', '--force', '--one-file-system', place.directory], { deadlineMs: 300_000 })
    await rm(machineLock(place), { force: true })
  })
}

async function unmountBelow(directory: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
  for (const mount of mounts.toReversed()) {
    if (mount.startsWith(`${directory}/`)) await run(['umount', '--lazy', mount])
  }
}

/**
 * Removes all machines of an installation with their links, loop devices, mounts and firewall table, whole or
 * not. What other installations have stays; the last one also puts this computer's settings back.
 */
export async function removeMachines(stateDirectory: string, installation: string): Promise<void> {
  const directory = machinesDirectory(stateDirectory)
  const names = (await readdir(directory).catch(() => [])).map((name) => name.split('.')[0] ?? '')
  const running = supervisedRoots(directory).map((root) => basename(dirname(root)))
  const all = [...new Set([...names, ...running])].filter(Boolean)
  const places = all.map((name) => machinePlace(stateDirectory, name))
  await Promise.all(places.map((place) => removePlace(place)))
  for (const link of linksOf(installation)) await removeLink(link)
  await detachLoops([stateDirectory])
  await removeOuterFirewall(installation)
  await forgetLinks(installation)
  await rm(directory, { recursive: true, force: true })
  if ((await installationsWithMachines()).length > 0 || (await firewalledInstallations()).length > 0) return
  await removeLoopNodes()
  await removeLocks()
}

async function installationsWithMachines(): Promise<string[]> {
  const names = await readdir(INSTALLATIONS).catch(() => [])
  const listed = names.map(async (name) =>
    (await listMachines(join(INSTALLATIONS, name))).length > 0 ? [name] : [],
  )
  return (await Promise.all(listed)).flat()
}

/**
 * Removes the cached images when no installation on this computer has a machine.
 * @returns whether they are gone
 */
export async function removeImages(): Promise<boolean> {
  return await withLock('image', async () => {
    if ((await installationsWithMachines()).length > 0) return false
    await rm(IMAGE_CACHE, { recursive: true, force: true })
    return true
  })
}
