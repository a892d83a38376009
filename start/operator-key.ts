import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApiKey, ensureAccount } from '../api/services/accounts.ts'
import { Secret } from '../common/secret.ts'
import { ApiClient } from './api-client.ts'
import type { ControlPlane } from './control-plane.ts'
import { writeFileAtomically } from './files.ts'
import { say } from './say.ts'

/**
 * The key of whoever runs this installation: the whole account, hosts included. It is kept as soon as it is made,
 * so that a start that is cut short makes no second one.
 */
export async function ensureOperatorKey(plane: ControlPlane): Promise<{ key: Secret; isNew: boolean }> {
  const file = join(plane.installation.privateDir, 'api-key')
  if (existsSync(file)) {
    const key = new Secret(readFileSync(file, 'utf8').trim())
    const { status } = await new ApiClient(plane.origin, key).request('GET', '/hosts')
    if (status !== 401) return { key, isNew: false }
    say('The API key of the last start is no longer valid; making another one')
  }
  const { em } = plane.services
  const account = await ensureAccount(em)
  const { key } = await createApiKey(em, account.id, 'npm start', { operator: true })
  writeFileAtomically(file, `${key.reveal()}\n`, { mode: 0o600 })
  return { key, isNew: true }
}
