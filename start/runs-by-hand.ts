import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Installation } from './installation.ts'
import { identify } from './processes.ts'

/** Folders of `npm run stack`, by the process that made them. */
const foldersOf = ({ runDir }: Installation): { name: string; isAlive: boolean }[] =>
  readdirSync(runDir).flatMap((name) => {
    const pid = /^stack-(\d+)-/.exec(name)?.[1]
    return pid === undefined ? [] : [{ name, isAlive: identify(Number(pid)) !== undefined }]
  })

/** Runs of stacks by hand that are under way on this computer. */
export const runsByHand = (installation: Installation): string[] =>
  foldersOf(installation).flatMap(({ name, isAlive }) => (isAlive ? [name] : []))

/** A folder of this run, which may hold a key of a host; what killed ones left goes first. */
export function openRunByHand(installation: Installation): string {
  const { runDir } = installation
  for (const { name, isAlive } of foldersOf(installation))
    if (!isAlive) rmSync(join(runDir, name), { recursive: true, force: true })
  return mkdtempSync(join(runDir, `stack-${process.pid}-`))
}
