import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StatePlace } from '../api/operations/stacks/state-setting.ts'
import { messageOf } from '../common/errors.ts'
import { folderOfPlace } from '../stacks/environment.ts'
import { Refusal } from './say.ts'

/** What the engine keeps in a folder stands in this one. */
const ENGINES = '.pulumi'

/** Makes sure that the worker, and nobody else, can keep the state in this place, where it is a folder. @throws Refusal */
export function prepareFolder(place: StatePlace, worker: number): void {
  const folder = folderOfPlace(place.backendUrl)
  if (folder === undefined) return
  const status = openFolder(folder)
  const held = readdirSync(folder)
  const isOurs = status.uid === worker && held.every((name) => name === ENGINES)
  if (held.length > 0 && !isOurs)
    throw new Refusal(
      `${folder} holds something else (${held[0]}): name an empty folder, or one that is not there.`,
    )
  lchownSync(folder, worker, status.gid)
  chmodSync(folder, 0o700)
  const may = spawnSync('test', ['-w', folder, '-a', '-x', folder], { uid: worker, gid: worker, cwd: '/' })
  if (may.status !== 0)
    throw new Refusal(
      `The worker cannot reach ${folder}: let everybody pass through the folders above it (chmod a+x), or name another place.`,
    )
}

function openFolder(folder: string): Stats {
  try {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o755 })
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
    const status = lstatSync(folder)
    if (status.isDirectory()) return status
  } catch (error) {
    throw new Refusal(`${folder} cannot be made: ${messageOf(error)}.`, { cause: error })
  }
  throw new Refusal(`${folder} is no folder: name another place.`)
}

/**
 * What root's runs wrote there becomes the worker's, who goes on with it. The folder is the worker's, so nothing else than
 * root's own files is touched and no link is followed.
 */
export function giveFolder(place: StatePlace, worker: number): void {
  const folder = folderOfPlace(place.backendUrl)
  if (folder === undefined || !existsSync(join(folder, ENGINES))) return
  const rights = ['-R', '-P', '-h', '--from=0', String(worker), '--']
  execFileSync('chown', [...rights, join(folder, ENGINES)], { stdio: ['ignore', 'ignore', 'inherit'] })
}
