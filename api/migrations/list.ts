import { Initial } from './001-initial.ts'
import { Storage } from './002-storage.ts'
import { Updates } from './003-updates.ts'
import { Stacks } from './004-stacks.ts'
import { FailedLoginsOfDatabases } from './005-failed-logins.ts'
import { Roles } from './006-roles.ts'
import { Cloud } from './007-cloud.ts'

/** Forward only, in order; a migration that has landed is never edited. */
export const MIGRATIONS = [
  { name: '001-initial', class: Initial },
  { name: '002-storage', class: Storage },
  { name: '003-updates', class: Updates },
  { name: '004-stacks', class: Stacks },
  { name: '005-failed-logins', class: FailedLoginsOfDatabases },
  { name: '006-roles', class: Roles },
  { name: '007-cloud', class: Cloud },
]
