import { Initial } from './001-initial.ts'
import { Storage } from './002-storage.ts'
import { Updates } from './003-updates.ts'
import { Stacks } from './004-stacks.ts'

/** Forward only, in order; a migration that has landed is never edited. */
export const MIGRATIONS = [
  { name: '001-initial', class: Initial },
  { name: '002-storage', class: Storage },
  { name: '003-updates', class: Updates },
  { name: '004-stacks', class: Stacks },
]
