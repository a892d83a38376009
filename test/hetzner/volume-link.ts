import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LocalMachine } from '../../hosts/local/machine.ts'
import { findProcesses } from '../../hosts/local/machine-process.ts'
import { run } from '../../hosts/local/run.ts'

const settingOf = (device: string): string => `/etc/tmpfiles.d/${basename(device)}.conf`

/** Lets a machine find a loop device of this computer under another name, now and after each boot. */
export async function linkDevice(machine: LocalMachine, device: string, loop: string): Promise<void> {
  const setting = settingOf(device)
  const file = join(machine.root, setting)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `L+ ${device} - - - - ${loop}\n`)
  await inside(machine, ['systemd-tmpfiles', '--create', setting])
}

export async function unlinkDevice(machine: LocalMachine, device: string): Promise<void> {
  await rm(join(machine.root, settingOf(device)), { force: true })
  await inside(machine, ['rm', '--force', device])
}

/** Runs a command with the machine's files, where it runs. */
async function inside({ root }: LocalMachine, argv: string[]): Promise<void> {
  const { init } = findProcesses(root)
  if (init) await run(['nsenter', `--target=${init}`, '--mount', '--root', ...argv])
}
