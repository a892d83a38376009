import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import { folderOfPlace } from './environment.ts'
import { PROJECT } from './names.ts'

/** Where the engine keeps the locks of a stack, in every kind of place. */
const locksOf = (name: string): string => `.pulumi/locks/organization/${PROJECT}/${name}`

/**
 * Removes the locks of a stack that is not there: the engine itself takes none away from a stack that it does not know, and
 * makes none that is locked. A process that died while it made or forgot a stack leaves such a one. Nobody may hold them.
 * @param backendUrl the place @param user the OS user to whom a folder belongs, who may have put links there
 * @throws saying what to do where the place is one that only the engine can open
 */
export async function removeLostLocks(
  backendUrl: string,
  name: string,
  user?: { uid: number; gid: number },
): Promise<void> {
  const folder = folderOfPlace(backendUrl)
  if (folder !== undefined) execFileSync('rm', ['-rf', '--', join(folder, locksOf(name))], { ...user })
  else if (backendUrl.startsWith('postgres://')) await removeRows(backendUrl, `${locksOf(name)}/`)
  else
    throw new Error(
      `A process that died has left a lock of the stack ${name} in ${backendUrl}: delete what lies there under ${locksOf(name)}.`,
    )
}

async function removeRows(backendUrl: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: backendUrl })
  await client.connect()
  try {
    await client.query('delete from pulumi_state where starts_with(key, $1)', [prefix])
  } finally {
    await client.end()
  }
}
