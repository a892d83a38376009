import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StatePlace } from '../api/operations/stacks/state-setting.ts'
import { Refusal } from './say.ts'

/** What the engine keeps in a folder stands in this one. */
const ENGINES = '.pulumi'

/** The group that a file has, for `chown`. */
const KEPT = 2 ** 32 - 1

/** The folder of a place that is one. */
const folderOf = ({ backendUrl }: StatePlace): string | undefined =>
  backendUrl.startsWith('file://') ? backendUrl.slice('file://'.length) : undefined

/** Makes sure that the worker can keep the state in this place, where it is a folder. @throws Refusal */
export function prepareFolder(place: StatePlace, worker: number): void {
  const folder = folderOf(place)
  if (folder === undefined) return
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!statSync(folder).isDirectory()) throw new Refusal(`${folder} is no folder: name another place.`)
  const others = readdirSync(folder).filter((name) => name !== ENGINES)
  if (others.length > 0)
    throw new Refusal(
      `${folder} holds something else (${others[0]}): name an empty folder, or one that is not there.`,
    )
  chownSync(folder, worker, KEPT)
  giveFolder(place, worker)
  const may = spawnSync('test', ['-w', folder, '-a', '-x', folder], { uid: worker, gid: worker, cwd: '/' })
  if (may.status !== 0)
    throw new Refusal(
      `The worker cannot reach ${folder}: let everybody pass through the folders above it (chmod a+x), or name another place.`,
    )
}

/** What root's runs wrote there belongs to the worker, who goes on with it. Links are not followed. */
export function giveFolder(place: StatePlace, worker: number): void {
  const folder = folderOf(place)
  if (folder !== undefined && existsSync(join(folder, ENGINES))) give(join(folder, ENGINES), worker)
}

function give(path: string, uid: number): void {
  lchownSync(path, uid, KEPT)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) give(join(path, entry.name), uid)
    else lchownSync(join(path, entry.name), uid, KEPT)
  }
}
