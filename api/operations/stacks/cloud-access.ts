import { z } from 'zod'
import { Secret } from '../../../common/secret.ts'
import type { CloudAccess } from '../../../hosts/hcloud/client.ts'
import { readSettingFile } from './setting-file.ts'

const shape = z.strictObject({ token: z.string().min(1), endpoint: z.url().optional() })

/** The project of Hetzner Cloud that a file names; undefined where there is no such file. @throws on anything else */
export function readCloudAccess(file: string): CloudAccess | undefined {
  const found = readSettingFile(file, shape, 'give the token anew by HCLOUD_TOKEN=… npm start.')
  return found && { token: new Secret(found.token), endpoint: found.endpoint }
}
