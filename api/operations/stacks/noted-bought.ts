import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Host } from '../../model/host.ts'
import type { StackAccess } from './work.ts'

/** Notes outside of the database what costs money: `npm run reset` reads it, which has no database to ask. */
export const boughtDirectory = (stacks: string): string => join(stacks, 'bought')

const fileOf = ({ settings }: StackAccess, { id }: Host): string =>
  join(boughtDirectory(settings.directory), id)

export function noteBought(access: StackAccess, host: Host): void {
  const file = fileOf(access, host)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${host.name}\n`)
}

export const forgetBought = (access: StackAccess, host: Host): void =>
  rmSync(fileOf(access, host), { force: true })
