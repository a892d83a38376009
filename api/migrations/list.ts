import { Initial } from './001-initial.ts'
import { Updates } from './003-updates.ts'

/** Forward only, in order; a migration that has landed is never edited. */
export const MIGRATIONS = [
  { name: '001-initial', class: Initial },
  { name: '003-updates', class: Updates },
]
